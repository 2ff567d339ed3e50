/**
 * Forgetting what ended long ago: a few at each sweep, so that it never competes with the work. A pipeline's tasks stay
 * until it is forgotten itself, and it until those that resume it are: later stages ask for the results.
 */
import type { Connection } from '@vm-task/bus/connection';
import { purgePipeline, purgeTask } from '@vm-task/bus/purge';
import type { BackgroundQueue } from './background-queue.ts';
import type { Deadlines } from './deadlines.ts';
import type { KeptPipelines } from './kept-pipelines.ts';
import type { EndedTask } from './task-view.ts';

/** With a sweep of 5 s that is 345,600 a day: more than a host can run. */
const purgedAtOnce = 20;

export interface Retention {
  readonly deadlines: Deadlines;
  readonly pipelines: KeptPipelines;
  readonly background: BackgroundQueue;
  readonly retentionMs: number;
  readonly connection: Connection;
}

/** To be called when the log has been read to its end: what it says last may keep what it said first. */
export function purgeOld(retention: Retention, nowMs: number): void {
  const { deadlines, pipelines, background, connection } = retention;
  const beforeMs = nowMs - retention.retentionMs;
  for (const pipeline of pipelines.endedBefore(beforeMs, purgedAtOnce)) {
    background.start({ id: pipeline, what: 'forgetting an old pipeline' }, async () => {
      await purgePipeline(connection, pipeline);
      pipelines.forget(pipeline);
    });
  }
  const kept = pipelines.all();
  const isFree = ({ partOf }: EndedTask) => partOf === null || !kept.has(partOf);
  for (const task of deadlines.endedBefore(beforeMs, purgedAtOnce, isFree)) {
    background.start({ id: task.task, what: 'forgetting an old task' }, async () => {
      await purgeTask(connection, task, task.vms);
      deadlines.forget(task.task);
    });
  }
}
