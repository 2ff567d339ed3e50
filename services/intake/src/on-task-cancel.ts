/** Handles task.cancel. Emits: task.cancelling. A task that has ended meanwhile is left alone. */
import type { Bus, Handling } from '@vm-task/bus/bus';
import { parseJson, type RawMessage } from '@vm-task/bus/envelope';
import { done, type HandlerOutcome, reject } from '@vm-task/bus/outcome';
import { taskCancelSchema } from '@vm-task/shared/commands';
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { natsSubmitter } from '@vm-task/shared/people';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { cancelTask } from './cancel-task.ts';

export interface CancelDeps {
  readonly bus: Pick<Bus, 'head' | 'append'>;
  readonly findCreated: (task: TaskId) => Promise<Stored<'task.created'> | null>;
}

/** Appends by itself and not by its outcome: after a conflict, a cancel must be decided again and not be lost. */
export async function onTaskCancel(deps: CancelDeps, handling: Handling<RawMessage>): Promise<HandlerOutcome> {
  const { event, signal, log } = handling;
  const parsed = taskCancelSchema.safeParse(parseJson(event));
  if (!parsed.success) return reject(explainIssues(parsed.error, taskCancelSchema));
  const { task, reason } = parsed.data;
  const created = await deps.findCreated(task);
  if (created === null) return reject(`there is no task ${task}`);
  const taskKey = { pool: created.data.pool, task };
  const request = { by: `command ${event.seq}`, reason, principal: natsSubmitter };
  const cancelled = await cancelTask(deps.bus, taskKey, request, signal);
  if (cancelled.kind === 'unknown') return reject(`task ${task} is no longer kept`);
  log.info({ task, ...cancelled }, 'asked to cancel');
  return done();
}
