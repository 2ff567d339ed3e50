/** A pipeline's state from the stream, through its leader: what it says is what happened. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { Stored } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import type { NeededRun, TaskOutput } from '@vm-task/shared/needs';
import { foldPipeline, type PipelineState } from '@vm-task/shared/pipelines/state';
import { type PipelineEventType, spineSubject } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';
import { rawOf, unseal } from './envelope.ts';
import { findLast } from './find-task.ts';

/** Reads on behind what is `known` of it. Null when there is no such pipeline, or no longer. Thrown: `unreadable-event`. */
export async function readPipeline(
  connection: Connection,
  pipeline: PipelineId,
  known: PipelineState | null = null,
): Promise<PipelineState | null> {
  let state = known;
  for await (const event of eventsOf(connection, pipeline, known?.seq ?? 0)) state = foldPipeline(state, event);
  return state;
}

/** Every decision of a pipeline, in order. */
export async function readDecisions(
  connection: Connection,
  pipeline: PipelineId,
): Promise<Stored<'pipeline.advanced'>[]> {
  const decisions: Stored<'pipeline.advanced'>[] = [];
  for await (const event of eventsOf(connection, pipeline, 0)) {
    if (event.type === 'pipeline.advanced') decisions.push(event);
  }
  return decisions;
}

async function* eventsOf(
  { jsm }: Connection,
  pipeline: PipelineId,
  after: number,
): AsyncGenerator<Stored<PipelineEventType>, void, void> {
  const filter = spineSubject({ pipeline });
  for (let seq = after + 1; ; ) {
    const query = { seq, next_by_subj: filter };
    const message = await jsm.streams.getMessage('EVENTS', query);
    if (message === null) return;
    yield unseal(rawOf(message)) as Stored<PipelineEventType>;
    seq = message.seq + 1;
  }
}

/** What a task that has ended left behind. Thrown: `needed-result-gone`. */
export async function readOutput(
  connection: Connection,
  { task, pool }: Pick<NeededRun, 'task' | 'pool'>,
): Promise<TaskOutput> {
  const ended = await findLast(connection, 'task.completed', { task, pool });
  if (ended !== null) return { result: ended.data.result?.value ?? null, artifacts: ended.data.artifacts };
  throw new VmTaskError('needed-result-gone', `what task ${task} left behind is no longer kept; run its stage again`);
}
