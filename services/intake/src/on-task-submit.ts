/** Handles task.submit. Emits: task.created. The task's id follows from the command, so a redelivery makes no second one. */
import type { Handling } from '@vm-task/bus/bus';
import { parseJson, type RawMessage } from '@vm-task/bus/envelope';
import { done, type HandlerOutcome, reject, retry } from '@vm-task/bus/outcome';
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import type { SystemConfig } from '@vm-task/service/config';
import { anyHost, type Draft, type Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { taskIdFromCause } from '@vm-task/shared/new-ids';
import { natsSubmitter } from '@vm-task/shared/people';
import type { Admission } from './admission.ts';
import { planOrReason } from './plan-or-reason.ts';

export interface SubmitDeps {
  readonly config: SystemConfig;
  readonly admission: Pick<Admission, 'refusal'>;
  readonly findCreated: (task: TaskId) => Promise<Stored<'task.created'> | null>;
}

/** Between two looks whether there is room again; the command waits in its stream meanwhile. */
export const roomPauseMs = 10_000;

/**
 * What cannot be a task becomes a dead letter and an alert, which is how its sender is told: a stored command has
 * nobody to answer to.
 */
export async function onTaskSubmit(deps: SubmitDeps, { event }: Handling<RawMessage>): Promise<HandlerOutcome> {
  const task = taskIdFromCause(event.time.getTime(), 'COMMANDS', String(event.seq));
  // Asked before the task is planned: the configuration may have changed since it was created.
  if ((await deps.findCreated(task)) !== null) return done();
  const planned = planOrReason(() => planTask(parseJson(event), deps.config));
  if (typeof planned === 'string') return reject(planned);
  const full = await deps.admission.refusal({ keepsFiles: planned.spec.artifacts.length > 0 });
  if (full !== null) return retry(roomPauseMs, full);
  const cause = { kind: 'command' as const, id: String(event.seq) };
  const data = { v: 1 as const, task, ...planned, cause, principal: natsSubmitter };
  const created: Draft = { type: 'task.created', data, host: anyHost };
  return done(created, { expectedSeq: 0 });
}
