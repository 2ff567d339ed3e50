/** The reaper as it is, on a host where there is nothing to sweep. */
import { startReaper } from '@vm-task/reaper/start';
import { runService } from '@vm-task/service/service';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';

await runService({
  name: 'reaper',
  streams: ['EVENTS', 'LOGS'],
  async run({ ready, ...context }) {
    const running = startReaper({ ...context, hypervisor: createFakeHypervisor() });
    ready();
    await running;
  },
});
