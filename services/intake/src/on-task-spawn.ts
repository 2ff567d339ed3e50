/** Handles task.spawn. Emits: task.created | task.cancelling. A task that a task asked for, from the host that had that one's VM; its id came with the question. */
import type { Handling } from '@vm-task/bus/bus';
import { parseJson, type RawMessage } from '@vm-task/bus/envelope';
import { done, type HandlerOutcome, reject, retry } from '@vm-task/bus/outcome';
import { boundByTime, planChild } from '@vm-task/pipelines/planning/plan-child';
import { taskSpawnSchema } from '@vm-task/shared/commands';
import { anyHost, type HostToken, type Stored } from '@vm-task/shared/events';
import { ownershipOf } from '@vm-task/shared/people';
import { askerOf, type TaskKey } from '@vm-task/shared/subjects';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import type { z } from 'zod';
import { type CancelChildDeps, cancelChild } from './cancel-child.ts';
import { roomPauseMs, type SubmitDeps } from './on-task-submit.ts';
import { planOrReason } from './plan-or-reason.ts';

export interface SpawnDeps extends SubmitDeps, CancelChildDeps {
  /** True when an attempt of the task has had its VM there. */
  readonly hadVmOn: (key: TaskKey, host: HostToken) => Promise<boolean>;
  /** That somebody has asked for the task's end, or null. */
  readonly findCancelling: (key: TaskKey) => Promise<Stored<'task.cancelling'> | null>;
}

/**
 * Made first, and then cancelled where its parent was. Whoever handles the parent's cancelling ends the children that are
 * there; here that is looked for once the child is there. So one of the two sees the other.
 */
export async function onTaskSpawn(deps: SpawnDeps, handling: Handling<RawMessage>): Promise<HandlerOutcome> {
  const { event, signal } = handling;
  const question = taskSpawnSchema.safeParse(parseJson(event));
  if (!question.success) return reject(`invalid-task: ${explainIssues(question.error, taskSpawnSchema)}`);
  const { id: child, parent } = question.data;
  const asking = await deps.findCreated(parent);
  if ((await deps.findCreated(child)) === null) {
    const refused = await makeChild(deps, question.data, asking, handling);
    if (refused !== null) return refused;
  }
  const cancelling = asking === null ? null : await deps.findCancelling(asking.data);
  if (cancelling !== null) await cancelChild(deps, cancelling, child, signal);
  return done();
}

/** Null once it is there. */
async function makeChild(
  deps: SpawnDeps,
  { id: task, parent, file }: z.infer<typeof taskSpawnSchema>,
  asking: Stored<'task.created'> | null,
  { event, signal }: Handling<RawMessage>,
): Promise<HandlerOutcome | null> {
  const asker = askerOf(event.subject);
  if (asking === null) return reject(`there is no task ${parent}`);
  // It was told its task's id when its question was stored: that holds, also when it has ended meanwhile.
  if (asker?.task !== parent || !(await deps.hadVmOn(asking.data, asker.host))) {
    return reject(`task ${parent} was never at work on the host that asks for it`);
  }
  const planned = planOrReason(() => boundByTime(planChild(file, asking.data, deps.config), asking, event.time));
  if (typeof planned === 'string') return reject(planned);
  const full = await deps.admission.refusal({ keepsFiles: planned.spec.artifacts.length > 0 });
  if (full !== null) return retry(roomPauseMs, full);
  const cause = { kind: 'task' as const, id: parent };
  const ownership = ownershipOf({ team: asking.data.team, principal: { kind: 'task', name: parent } });
  const data = { v: 1 as const, task, ...planned, cause, ...ownership };
  await deps.bus.append({ type: 'task.created', data, host: anyHost }, 0, signal);
  return null;
}
