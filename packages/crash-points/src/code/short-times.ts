/**
 * Times that are made for a busy production, and that a test would only wait for: what takes their place, by file.
 * Short enough to be quick, long enough that a starved machine of two processors is not mistaken for a dead one.
 */
import type { BackOff } from '@vm-task/shared/back-off';

export const shortTimes: Readonly<Record<string, Readonly<Record<string, number | BackOff>>>> = {
  'packages/bus/src/work.ts': { ackWaitMs: 2_000, retries: { firstMs: 200, longestMs: 60_000 } },
  'packages/service/src/drain.ts': { drainGraceMs: 300 },
  'packages/service/src/service.ts': { reconnectPauseMs: 200 },
  'services/provisioner/src/abandoned-claims.ts': { lookEveryMs: 700 },
  'services/provisioner/src/warm-plan.ts': { forgottenAfterMs: 3_000 },
  'services/provisioner/src/warm-keeper.ts': {
    lookEveryMs: 700,
    settleMs: 100,
    pauses: { firstMs: 200, longestMs: 60_000 },
  },
  'services/provisioner/src/capacity.ts': { lookEveryMs: 200 },
  'services/provisioner/src/watch-task.ts': { lookEveryMs: 500 },
  'services/reaper/src/keep-features.ts': { everyMs: 700 },
  'services/reaper/src/sweep.ts': { timerGraceMs: 1_500 },
  'packages/shared/src/time-limits.ts': { runnerAnswerMs: 5_000 },
  'packages/embedded/src/child.ts': { pauses: { firstMs: 10, longestMs: 10 } },
};
