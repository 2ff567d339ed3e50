/** The provisioner as it is, over a hypervisor whose VMs are entries in memory. */
import { startProvisioner } from '@vm-task/provisioner/start';
import { runService } from '@vm-task/shared/service';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';

await runService({
  name: 'provisioner',
  streams: ['EVENTS'],
  async run({ ready, ...context }) {
    const running = startProvisioner({
      ...context,
      hypervisor: createFakeHypervisor(),
      tellProgress: () => undefined,
    });
    ready();
    await running;
  },
});
