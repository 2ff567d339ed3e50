/** The runner as it is, for machines that are not there. */
import { connectToNothing } from '@vm-task/runner/guest-of-nothing';
import { startRunner } from '@vm-task/runner/start';
import { runService } from '@vm-task/service/service';

await runService({
  name: 'runner',
  streams: ['EVENTS', 'LOGS'],
  async run({ environment: { home }, ready, ...context }) {
    const running = startRunner({ ...context, home, connect: connectToNothing, isVmAlive: async () => true });
    ready();
    await running;
  },
});
