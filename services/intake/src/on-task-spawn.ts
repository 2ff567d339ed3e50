/** Handles task.spawn. Emits: task.created. A task that a task asked for, from the host that had that one's VM; its id came with the question. */
import type { Handling } from '@vm-task/bus/bus';
import { parseJson, type RawMessage } from '@vm-task/bus/envelope';
import { done, type HandlerOutcome, reject, retry } from '@vm-task/bus/outcome';
import { planChild } from '@vm-task/pipelines/planning/plan-child';
import { taskSpawnSchema } from '@vm-task/shared/commands';
import { anyHost, type HostToken } from '@vm-task/shared/events';
import { askerOf, type TaskKey } from '@vm-task/shared/subjects';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { roomPauseMs, type SubmitDeps } from './on-task-submit.ts';
import { planOrReason } from './plan-or-reason.ts';

export interface SpawnDeps extends SubmitDeps {
  /** True when an attempt of the task has had its VM there. */
  readonly hadVmOn: (key: TaskKey, host: HostToken) => Promise<boolean>;
}

export async function onTaskSpawn(deps: SpawnDeps, { event }: Handling<RawMessage>): Promise<HandlerOutcome> {
  const question = taskSpawnSchema.safeParse(parseJson(event));
  if (!question.success) return reject(`invalid-task: ${explainIssues(question.error, taskSpawnSchema)}`);
  const { id: task, parent, file } = question.data;
  const asker = askerOf(event.subject);
  if ((await deps.findCreated(task)) !== null) return done();
  const created = await deps.findCreated(parent);
  if (created === null) return reject(`there is no task ${parent}`);
  // It was told its task's id when its question was stored: that holds, also when it has ended meanwhile.
  if (asker?.task !== parent || !(await deps.hadVmOn(created.data, asker.host))) {
    return reject(`task ${parent} was never at work on the host that asks for it`);
  }
  const planned = planOrReason(() => planChild(file, created.data, deps.config));
  if (typeof planned === 'string') return reject(planned);
  const full = await deps.admission.refusal();
  if (full !== null) return retry(roomPauseMs, full);
  const cause = { kind: 'task' as const, id: parent };
  return done({ type: 'task.created', data: { v: 1, task, ...planned, cause }, host: anyHost }, { expectedSeq: 0 });
}
