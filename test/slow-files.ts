/**
 * Files of tests with real servers that take six seconds or more. They begin first, because one that begins last keeps
 * everybody waiting, and `npm run quick` leaves them out.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The ends of their paths. */
export const slowFiles: readonly string[] = [
  'simulation/src/broker/broker.int.test.ts',
  'runner/test/malicious-guest.int.test.ts',
  'runner/test/others.int.test.ts',
  'embedded/src/child.int.test.ts',
  'bus/src/replay.int.test.ts',
  'intake/test/pipelines.int.test.ts',
  'runner/test/unknown-driver.int.test.ts',
  'cli/src/write-bundle.int.test.ts',
  'cli/src/squatter.int.test.ts',
  'cli/src/remote.int.test.ts',
  'cli/src/two-teams.int.test.ts',
  'intake/test/quotas.int.test.ts',
  'intake/test/two-teams.int.test.ts',
  'intake/test/tls.int.test.ts',
  'embedded/src/detach.int.test.ts',
  'flows/pipelines.int.test.ts',
  'intake/test/progress.int.test.ts',
  'bus/src/retry-timer.int.test.ts',
  'bus/src/durable.int.test.ts',
  'bus/src/artifacts.int.test.ts',
  'runner/test/service.int.test.ts',
  'runner/test/git-secret.int.test.ts',
  'guest/src/answer-grammar.int.test.ts',
  'bus/src/announce.int.test.ts',
  'hypervisor/src/drivers/ssh/ssh-driver.int.test.ts',
  'testing/src/needs.int.test.ts',
  'embedded/src/supervisor.int.test.ts',
  'runner/test/guest-api.int.test.ts',
  'reaper/src/keep-features.int.test.ts',
  'runner/test/cancel.int.test.ts',
  'runner/test/killed.int.test.ts',
  'bus/src/work.int.test.ts',
  'runner/test/resume.int.test.ts',
  'intake/test/read.int.test.ts',
  'runner/test/silence.int.test.ts',
  'reaper/src/deadlines.int.test.ts',
  'bus/src/follow.int.test.ts',
  'doctor/doctor.int.test.ts',
  'bus/src/append.int.test.ts',
  'runner/test/zombie.int.test.ts',
  'intake/test/submit.int.test.ts',
  'guest/src/connect.int.test.ts',
  'flows/broker-away.int.test.ts',
  'flows/backpressure.int.test.ts',
  'provisioner/src/on-due-retry.int.test.ts',
  'reaper/test/faults.int.test.ts',
  'reaper/src/sweep.int.test.ts',
  'flows/retries.int.test.ts',
  'flows/cancel.int.test.ts',
  'intake/test/alerts.int.test.ts',
  'provisioner/src/on-task-created.int.test.ts',
  'bus/src/late-work.int.test.ts',
  'bus/src/work-stop.int.test.ts',
  'reaper/src/on-task-retrying.int.test.ts',
  'provisioner/src/warm-keeper.int.test.ts',
  'testing/src/leak-check.int.test.ts',
  'flows/strange-messages.int.test.ts',
  'flows/rolling-restart.int.test.ts',
  'bus/src/output-log.int.test.ts',
  'intake/test/inbox.int.test.ts',
  'guest/src/machine-lease.int.test.ts',
  'testing/src/broker.int.test.ts',
  'runner/test/guest-api-killed.int.test.ts',
];

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification) => slowFiles.some((path) => moduleId.endsWith(`/${path}`));
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}
