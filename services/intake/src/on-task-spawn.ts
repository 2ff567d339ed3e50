/** Handles task.spawn. Emits: task.created. A task that a task asked for; its id came with the question. */
import type { Handling } from '@vm-task/bus/bus';
import { parseJson, type RawMessage } from '@vm-task/bus/envelope';
import { done, type HandlerOutcome, reject, retry } from '@vm-task/bus/outcome';
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import { taskSpawnSchema } from '@vm-task/shared/commands';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { roomPauseMs, type SubmitDeps } from './on-task-submit.ts';
import { planOrReason } from './plan-or-reason.ts';

export async function onTaskSpawn(deps: SubmitDeps, { event }: Handling<RawMessage>): Promise<HandlerOutcome> {
  const question = taskSpawnSchema.safeParse(parseJson(event));
  if (!question.success) return reject(`invalid-task: ${explainIssues(question.error, taskSpawnSchema)}`);
  const { id: task, parent, file } = question.data;
  if ((await deps.findCreated(task)) !== null) return done();
  const planned = planOrReason(() => planTask(file, deps.config));
  if (typeof planned === 'string') return reject(planned);
  const full = await deps.admission.refusal();
  if (full !== null) return retry(roomPauseMs, full);
  const cause = { kind: 'task' as const, id: parent };
  return done({ type: 'task.created', data: { v: 1, task, ...planned, cause } }, { fence: 0 });
}
