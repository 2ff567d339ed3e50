/**
 * runner: takes an attempt whose VM is ready, and brings it to its terminal event.
 *
 * | file | role |
 * |---|---|
 * | `on-vm-ready.ts`, `attempt.ts`, `unknown-driver.ts` | begins, resumes or leaves an attempt; the sequence that it expects |
 * | `start.ts`, `runner-parts.ts` | the service with everything given to it |
 * | `on-task-cancelling.ts` | the attempts in flight, and which of them is being cancelled |
 * | `run-attempt.ts`, `time-limit.ts` | setup, main process, artifacts, result, in this order; the limits at which they are stopped |
 * | `plan-jobs.ts`, `git-step.ts` | what is started in the VM, as data |
 * | `read-needs.ts`, `place-needed-files.ts` | what needed stages left behind |
 * | `run-setup.ts`, `follow-job.ts`, `pump.ts` | from a job's start to its end, its output into `LOGS` |
 * | `collect-artifacts.ts`, `keep-files.ts`, `read-result.ts`, `ending.ts` | what is left of it, as `task.completed` |
 * | `end-or-retry.ts` | the end, or another attempt |
 * | `secrets.ts`, `guest-log.ts` | read from files, masked everywhere; what a guest causes in the log, bounded |
 * | `guest-api/` | the guest API: what a task asks for |
 * | `guest.ts`, `contact.ts`, `vm-alive.ts`, `idle-connections.ts` | the machine: asked, lost, found again, kept at hand |
 *
 * Responsible for I8 (started once, gone on behind the last stored byte), I9 (unknown is never success) and I10 (every
 * append and every log chunk carries the expected sequence); for its part of I2, I11 and I13.
 */
import { runService } from '@vm-task/service/service';
import { connectBySsh } from './guest.ts';
import { IdleConnections } from './idle-connections.ts';
import { startRunner } from './start.ts';
import { isVmAlive } from './vm-alive.ts';
import { WarmConnections } from './warm-connections.ts';

await runService({
  name: 'runner',
  streams: ['EVENTS', 'COMMANDS', 'CHILDREN', 'LOGS', 'DEAD', 'INBOX'],
  async run({ environment: { home }, config, ready, ...context }) {
    const { drivers, runner } = config;
    await using idle = new IdleConnections();
    await using warm = new WarmConnections({ home, drivers, limit: runner.maxTasks, log: context.log });
    const running = startRunner({
      ...context,
      config,
      home,
      connect: connectBySsh(home, { idle, warm }, drivers),
      isVmAlive: isVmAlive.bind(null, home),
    });
    ready();
    await Promise.all([running, warm.keep(context.stop)]);
  },
});
