/** Handles task.completed. Emits: pipeline.advanced | pipeline.completed. What follows from the end of a pipeline's task. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import type { ErrorInfo } from '@vm-task/shared/errors';
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import type { EndedRun } from '@vm-task/shared/pipelines/events';
import { liveRun } from '@vm-task/shared/pipelines/state';
import { processFailed } from '@vm-task/shared/process-end';
import { outcomes } from '@vm-task/shared/task-ending';
import { type Advancing, advancePipeline } from './pipelines/advance.ts';

export interface CompletedDeps extends Advancing {
  readonly findCreated: (task: TaskId) => Promise<Stored<'task.created'> | null>;
}

export async function onTaskCompleted(
  deps: CompletedDeps,
  { event, signal }: Handling<Stored>,
): Promise<HandlerOutcome> {
  if (event.type !== 'task.completed') return done();
  const { task, pool, outcome } = event.data;
  const part = (await deps.findCreated(task))?.data.stage;
  if (part === undefined) return done();
  const { pipeline, stage, index } = part;
  const ended: EndedRun = { stage, index, task, pool, outcome, error: errorOf(event) };
  const change: Parameters<typeof advancePipeline>[3] = (state) => (liveRun(state, stage, task) ? [ended] : 'known');
  await advancePipeline(deps, pipeline, event.time.getTime(), change, signal);
  return done();
}

/** A process that failed by itself has its exit alone; a stage's error says it in a sentence. */
function errorOf({ data: { outcome, error, exitCode, signal } }: Stored<'task.completed'>): ErrorInfo | null {
  if (error !== null || outcome === 'succeeded') return error;
  if (outcome === 'cancelled') return { code: 'interrupted', message: 'the task was cancelled' };
  if (!outcomes.includes(outcome)) {
    return { code: 'newer-event', message: `the task ended as ${JSON.stringify(outcome)}, which is not known here` };
  }
  return processFailed({ exitCode, signal });
}
