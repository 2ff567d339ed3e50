/** Handles pipeline.cancelling. Emits: task.created | task.cancelling | pipeline.completed. Every task of it is asked to end, but those of stages that always run. */
import type { Bus, Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import { runsToCancel } from '@vm-task/pipelines/decisions/next-steps';
import type { Stored } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import { cancelTask } from './cancel-task.ts';
import { eachAtOnce } from './each-at-once.ts';
import { type Advancing, advancePipeline } from './pipelines/advance.ts';
import { createTasks } from './pipelines/create-tasks.ts';

export interface CancellingDeps extends Advancing {
  readonly bus: Pick<Bus, 'append' | 'head'>;
  /** Every decision of a pipeline. */
  readonly readDecisions: (pipeline: PipelineId) => Promise<readonly Stored<'pipeline.advanced'>[]>;
}

/**
 * A task that was decided on but is not there yet is created first: whoever is about to create it would do so after its
 * cancelling otherwise, and nobody would end it.
 */
export async function onPipelineCancelling(
  deps: CancellingDeps,
  { event, signal }: Handling<Stored>,
): Promise<HandlerOutcome> {
  if (event.type !== 'pipeline.cancelling') return done();
  const { pipeline, by, reason, principal } = event.data;
  const state = await deps.readPipeline(pipeline);
  if (state === null || state.phase.name === 'over') return done();
  const live = runsToCancel(state);
  const request = { by: `pipeline ${pipeline}: ${by}`, reason, principal };
  const missing: string[] = [];
  for (const taskKey of live) if ((await deps.bus.head(taskKey)) === null) missing.push(taskKey.task);
  if (missing.length > 0) {
    const decisions = (await deps.readDecisions(pipeline)).flatMap(({ data }) => data.start);
    const start = decisions.filter(({ task }) => missing.includes(task));
    await createTasks(deps.bus, state, start, signal);
  }
  await eachAtOnce(live, atOnce, (taskKey) => cancelTask(deps.bus, taskKey, request, signal));
  // With nothing alive, no end of a task will end it.
  await advancePipeline(deps, pipeline, event.time.getTime(), nothingNew, signal);
  return done();
}

/** Each waits for one fsync of the broker; a pipeline may have thousands. */
const atOnce = 16;

const nothingNew = (): readonly [] => [];
