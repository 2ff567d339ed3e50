/** A pipeline live: its view again whenever an event has changed it, or one of its processes says how far it is. */
import type { Sent } from '@vm-task/api/live';
import type { pipelineRoutes } from '@vm-task/api/pipelines';
import type { Connection } from '@vm-task/bus/connection';
import { followProgress } from '@vm-task/bus/task-progress';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { withProgress } from '../progress-of.ts';
import { hostOfTask } from '../projection/host-of-task.ts';
import type { Projection } from '../projection/projection.ts';
import { showPipeline } from '../projection/show-pipeline.ts';
import { endMessage } from './sse.ts';

export async function* livePipeline(
  connection: Connection,
  projection: Projection,
  id: PipelineId,
  signal: AbortSignal,
): AsyncGenerator<Sent<typeof pipelineRoutes.show>, void, void> {
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const shown = new Set<string>();
  // Listened for before the first look, so that nothing falls between.
  const changes = eitherOf(projection.changesOf(id, until), progressOfAny(connection, shown, until));
  let sent = '';
  try {
    do {
      const known = showPipeline(projection.db, id);
      if (known === null) return yield endMessage;
      const view = await withProgress(connection, (task) => hostOfTask(projection.db, task), known);
      for (const { task } of view.stages.flatMap(({ runs }) => runs)) if (task !== null) shown.add(task.id);
      const text = JSON.stringify(view);
      // Several changes that were applied at once are one.
      if (text !== sent) yield { event: 'pipeline', data: view };
      sent = text;
      if (view.status === 'completed') return yield endMessage;
    } while (!(await changes.next()).done);
  } finally {
    over.abort();
  }
}

async function* progressOfAny(
  connection: Connection,
  tasks: ReadonlySet<string>,
  signal: AbortSignal,
): AsyncGenerator<TaskId, void, void> {
  for await (const task of followProgress(connection, signal)) if (tasks.has(task)) yield task;
}

/** Whatever comes from any of them, until one ends. */
async function* eitherOf(...sources: readonly AsyncGenerator<unknown, void, void>[]): AsyncGenerator<void, void, void> {
  const next = async (source: AsyncGenerator<unknown, void, void>) => ({ source, done: (await source.next()).done });
  const waiting = new Map(sources.map((source) => [source, next(source)]));
  for (;;) {
    const { source, done } = await Promise.race(waiting.values());
    if (done) return;
    waiting.set(source, next(source));
    yield;
  }
}
