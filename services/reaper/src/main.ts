/**
 * reaper: makes sure that everything ends, and that nothing is left of it.
 *
 * | file | role |
 * |---|---|
 * | `start.ts` | the service with everything given to it |
 * | `on-any-event.ts`, `task-view.ts`, `deadlines.ts`, `deadline-timer.ts` | from the log to what is due, the moment it is |
 * | `decide-ending.ts`, `reaping.ts` | how a task ends that is out of time: decided, and done |
 * | `late-tasks.ts` | tasks that are reported when they are late |
 * | `on-task-cancelling.ts` | a task without a VM is cancelled at once |
 * | `on-task-retrying.ts` | the wait before another attempt gets its timer |
 * | `ledger-deadlines.ts` | deadlines of VMs, kept without the broker |
 * | `sweep.ts`, `decide-vm.ts`, `first-seen.ts` | host, ledger and log compared, again and again |
 * | `measurements.ts` | how late deadlines were acted on, how many VMs are in quarantine |
 * | `live-log.ts`, `checkpoint.ts`, `saving.ts` | the log as far as it is live, put down and taken up again |
 * | `retention.ts`, `newest-tasks.ts`, `resumed-pipelines.ts` | tasks and pipelines that ended long ago are forgotten |
 * | `keep-durables.ts` | durables that were deleted are made again |
 * | `keep-features.ts` | additions to the events, switched on when every service reads them |
 * | `audit.ts` | the same comparison once, for people |
 * | `background-queue.ts` | what fails is tried again, in no hurry |
 *
 * Responsible for I6 (the host is the truth) and I7 (absolute deadlines), and for its part of I2 and I13.
 */
import { join } from 'node:path';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { runService } from '@vm-task/service/service';
import { version } from '@vm-task/service/version';
import { durablesFor } from '@vm-task/shared/flow';
import { works } from '@vm-task/shared/roles';
import { runnerPatienceMs } from '@vm-task/shared/time-limits';
import { checkpointFile } from './checkpoint.ts';
import { keepDurables } from './keep-durables.ts';
import { keepFeatures } from './keep-features.ts';
import { enforceLedgerDeadlines } from './ledger-deadlines.ts';
import { startReaper } from './start.ts';

await runService({
  name: 'reaper',
  streams: ['EVENTS', 'CHILDREN', 'TIMERS', 'LOGS', 'DEAD'],
  async withoutBus({ environment, config, role, log, stop }) {
    if (!works(role, 'host')) return;
    const hypervisor = createHypervisor({ environment, config });
    await enforceLedgerDeadlines({ hypervisor, sweepMs: config.reaper.sweep, log, stop });
  },
  async run({ environment, config, ready, ...context }) {
    const durables = durablesFor(Object.keys(config.pools), [context.host]);
    const hypervisor = createHypervisor({ environment, config });
    const checkpoints = checkpointFile(join(environment.home.checkpoints, `reaper-${context.role}.json`));
    const patienceMs = runnerPatienceMs(config);
    const running = [startReaper({ ...context, config, patienceMs, hypervisor, checkpoints })];
    if (works(context.role, 'control')) {
      running.push(keepDurables(context.bus.connection, durables, context));
      running.push(keepFeatures(context.bus, { ...context, version }));
    }
    ready();
    await Promise.all(running);
  },
});
