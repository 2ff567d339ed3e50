/** A pipeline's state from the stream, through its leader: what it says is what happened. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { Stored } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import type { NeededRun, TaskOutput } from '@vm-task/shared/needs';
import { foldPipeline, type PipelineState } from '@vm-task/shared/pipelines/state';
import { isPipelineEvent, type PipelineEventType } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';
import { findLast } from './find-task.ts';
import { messagesFrom } from './task-history.ts';

/** Reads on behind what is `known` of it. Null when there is no such pipeline, or no longer. @throws `newer-event`. */
export async function readPipeline(
  connection: Connection,
  pipeline: PipelineId,
  known: PipelineState | null = null,
): Promise<PipelineState | null> {
  let state = known;
  for await (const event of decisionsOf(connection, pipeline, known?.seq ?? 0)) state = foldPipeline(state, event);
  return state;
}

/** Every decision of a pipeline, in order. */
export async function readDecisions(
  connection: Connection,
  pipeline: PipelineId,
): Promise<Stored<'pipeline.advanced'>[]> {
  const decisions: Stored<'pipeline.advanced'>[] = [];
  for await (const event of decisionsOf(connection, pipeline, 0)) {
    if (event.type === 'pipeline.advanced') decisions.push(event);
  }
  return decisions;
}

/** @throws `newer-event` when a decision is of a version that is not known here: whoever goes on would contradict it. */
async function* decisionsOf(
  connection: Connection,
  pipeline: PipelineId,
  after: number,
): AsyncGenerator<Stored<PipelineEventType>, void, void> {
  for await (const { decoded } of messagesFrom(connection, { pipeline }, after + 1)) {
    if (decoded.kind === 'none') continue;
    const { event } = decoded;
    if (isPipelineEvent(event)) yield event;
    else throw new VmTaskError('newer-event', `pipeline ${pipeline} has an event that cannot be read here`);
  }
}

/** What a task that has ended left behind. @throws `needed-result-gone`. */
export async function readOutput(
  connection: Connection,
  { task, pool }: Pick<NeededRun, 'task' | 'pool'>,
): Promise<TaskOutput> {
  const ended = await findLast(connection, 'task.completed', { task, pool });
  if (ended !== null) {
    const { result, artifacts } = ended.data;
    return { result: result?.value ?? null, artifacts, host: ended.host };
  }
  throw new VmTaskError('needed-result-gone', `what task ${task} left behind is no longer kept; run its stage again`);
}
