import type { Bus } from '@vm-task/bus/bus';
import type { TaskKey } from '@vm-task/shared/subjects';

export interface TaskWatch extends Disposable {
  /** Aborted when the work for the task is to stop: it has moved on, or `outer` was aborted. */
  readonly signal: AbortSignal;
  /** True when somebody else has decided on the task meanwhile: cancelled, timed out, taken further. */
  readonly movedOn: boolean;
}

/** Making a VM takes a second as a rule; only what takes longer is looked after. */
const lookEveryMs = 2_000;

/** Watches whether the event at `expectedSeq` is still the last word on the task. Never wrong for good: the append decides. */
export function watchTask(
  bus: Pick<Bus, 'head'>,
  { pool, task }: TaskKey,
  expectedSeq: number,
  outer: AbortSignal,
  everyMs = lookEveryMs,
): TaskWatch {
  const moved = new AbortController();
  const look = async () => {
    // A broker that does not answer says nothing about the task.
    const seq = await bus.head({ pool, task }).then(
      (head) => head?.seq,
      () => expectedSeq,
    );
    if (seq !== expectedSeq) moved.abort(new Error(`task ${task} has moved on`));
  };
  const timer = setInterval(() => void look(), everyMs);
  return {
    signal: AbortSignal.any([moved.signal, outer]),
    get movedOn() {
      return moved.signal.aborted;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
