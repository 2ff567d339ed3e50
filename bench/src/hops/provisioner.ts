/** The provisioner as it is, over a hypervisor whose VMs are entries in memory. */
import { thisMoment } from '@vm-task/hypervisor/ledger/deadline';
import { startProvisioner } from '@vm-task/provisioner/start';
import { runService } from '@vm-task/service/service';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';

const begun = thisMoment();

await runService({
  name: 'provisioner',
  streams: ['EVENTS'],
  async run({ ready, ...context }) {
    const running = startProvisioner({
      ...context,
      // To read the host's uptime takes longer than all else that it does.
      hypervisor: createFakeHypervisor({ now: () => begun }),
      tellProgress: () => undefined,
    });
    ready();
    await running;
  },
});
