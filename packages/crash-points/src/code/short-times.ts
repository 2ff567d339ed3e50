/**
 * Times that are made for a busy production, and that a test would only wait for: what takes their place, by file.
 * Short enough to be quick, long enough that a starved machine of two processors is not mistaken for a dead one.
 */
export const shortTimes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'packages/bus/src/work.ts': { ackWaitMs: 2_000, firstRetryMs: 200 },
  'packages/service/src/service.ts': { drainGraceMs: 300, reconnectPauseMs: 200 },
  'services/provisioner/src/abandoned-claims.ts': { lookEveryMs: 700 },
  'services/provisioner/src/kept-vms.ts': { lookEveryMs: 300 },
  'services/provisioner/src/warm-plan.ts': { forgottenAfterMs: 3_000 },
  'services/provisioner/src/warm-keeper.ts': { lookEveryMs: 700, settleMs: 100, firstPauseMs: 200 },
  'services/provisioner/src/room.ts': { lookEveryMs: 200 },
  'services/provisioner/src/watch-task.ts': { lookEveryMs: 500 },
  'services/reaper/src/sweep.ts': { timerGraceMs: 1_500 },
  'services/reaper/src/start.ts': { cancelAnswerMs: 5_000 },
  'packages/embedded/src/child.ts': { firstPauseMs: 10, longestPauseMs: 10 },
};
