/** The tasks of a decision. Their ids are in it, so that each exists once, however often they are created. */
import type { Bus } from '@vm-task/bus/bus';
import { anyHost, type Draft, type EventData } from '@vm-task/shared/events';
import { type Ownership, ownershipOf } from '@vm-task/shared/people';
import type { StartedRun } from '@vm-task/shared/pipelines/events';
import { eventVersionOf } from '@vm-task/shared/task-spec';
import { eachAtOnce } from '../each-at-once.ts';

/** Its tasks are whose the pipeline is. */
type Decision = Pick<EventData<'pipeline.advanced'>, 'pipeline' | keyof Ownership>;

/** Each waits for one fsync of the broker. */
const atOnce = 16;

/** Returns once the stream has every one of them. */
export async function createTasks(
  bus: Pick<Bus, 'append'>,
  decision: Decision,
  start: readonly StartedRun[],
  signal: AbortSignal,
): Promise<void> {
  // A conflict means that it was created before, and has gone on.
  await eachAtOnce(start, atOnce, (run) => bus.append(createdOf(decision, run), 0, signal));
}

function createdOf(
  { pipeline, ...ownership }: Decision,
  { stage, index, run, task, pool, spec }: StartedRun,
): Draft<'task.created'> {
  const cause = { kind: 'pipeline' as const, id: pipeline };
  const data = {
    v: eventVersionOf(spec),
    task,
    pool,
    spec,
    cause,
    stage: { pipeline, stage, index, run },
    ...ownershipOf(ownership),
  };
  // A stage that goes on in the VM of an earlier one can run only where that is.
  return { type: 'task.created', data, host: spec.leftVm?.host ?? anyHost };
}
