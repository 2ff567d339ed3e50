/** The reaper as it is, on a host where there is nothing to sweep. */
import { join } from 'node:path';
import { checkpointFile } from '@vm-task/reaper/checkpoint';
import { startReaper } from '@vm-task/reaper/start';
import { runService } from '@vm-task/service/service';
import { runnerPatienceMs } from '@vm-task/shared/time-limits';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';

await runService({
  name: 'reaper',
  streams: ['EVENTS', 'LOGS'],
  async run({ ready, ...context }) {
    const checkpoints = checkpointFile(join(context.environment.home.checkpoints, 'reaper.json'));
    const running = startReaper({
      ...context,
      patienceMs: runnerPatienceMs(context.config),
      hypervisor: createFakeHypervisor(),
      checkpoints,
    });
    ready();
    await running;
  },
});
