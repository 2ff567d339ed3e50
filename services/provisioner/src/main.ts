/**
 * provisioner: gives each task a clean VM of its own, and takes it away when the task is over.
 *
 * | file | role |
 * |---|---|
 * | `start.ts` | the service with everything given to it |
 * | `on-task-created.ts`, `on-due-retry.ts`, `provide-vm.ts` | an attempt's VM claimed and `vm.ready`, or what follows when there is none |
 * | `host-lease.ts` | what this host says of itself |
 * | `machine.ts` | a named VM, and whether it is there |
 * | `capacity.ts` | takes only what there is capacity for |
 * | `obtain-vm.ts`, `choose-vm.ts` | its own VM, a warm one or a new one: done, and decided |
 * | `preparations.ts`, `progress-file.ts` | images and snapshots, made once for all who wait, and reported |
 * | `take-left-vm.ts` | the VM of an earlier stage, for the one that is to go on in it |
 * | `abandoned-claims.ts` | VMs of provisioners that died before they reported them |
 * | `watch-task.ts` | a task that is over is not worked for |
 * | `warm-keeper.ts`, `warm-plan.ts`, `retire-vm.ts` | VMs kept ready: made, replaced, and decided |
 * | `on-task-completed.ts`, `on-task-retrying.ts`, `release-named.ts` | a VM removed, then said to be gone |
 *
 * Responsible for I4 (claim, append, and let go of what the stream does not name) and for its part of I10 and I13.
 * I5 and I12 are the hypervisor's. Whatever this process leaves behind when it dies is the next one's, or the reaper's.
 */
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { runService } from '@vm-task/service/service';
import { keepLease } from './host-lease.ts';
import { progressFiles } from './progress-file.ts';
import { startProvisioner } from './start.ts';

await runService({
  name: 'provisioner',
  streams: ['EVENTS', 'TIMERS', 'DEAD'],
  async run({ environment, config, log, ready, ...context }) {
    const hypervisor = createHypervisor({ environment, config });
    const tellProgress = progressFiles(environment.home, Object.keys(config.pools), log);
    const running = [
      startProvisioner({ ...context, config, log, hypervisor, tellProgress }),
      keepLease(context.bus.connection, { ...context, home: environment.home, config, log, hypervisor }),
    ];
    ready();
    await Promise.all(running);
  },
});
