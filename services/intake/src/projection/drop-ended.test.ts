import type { Draft } from '@vm-task/shared/events';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { pipelineCompleted, pipelineCreated, samplePipeline, vmGone, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { type MemoryEvents, memoryEvents } from '../../test/memory-events.ts';
import { completed, created } from '../../test/task-events.ts';
import { dropEndedBefore } from './drop-ended.ts';
import { listTasks } from './list-tasks.ts';
import { openDatabase } from './open-database.ts';
import { createProjection, type Projection } from './projection.ts';
import { readArtifacts } from './read-artifacts.ts';
import { readTask } from './read-task.ts';
import { showPipeline } from './show-pipeline.ts';
import { countTasks } from './task-counts.ts';
import { readTaskEvents } from './task-events.ts';

/** Events of a memory stream are a second apart, from this time on. */
const start = Date.UTC(2026, 0, 1);

function project({ stored }: MemoryEvents): Projection {
  const projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 1_000 }));
  projection.advance(stored.map((event) => ({ seq: event.seq, event })));
  return projection;
}

test('a task is forgotten with all that belongs to it when its retention is over', () => {
  const events = memoryEvents();
  const [ended, open] = [newTaskId(start), newTaskId(start)];
  const vm = newVmId(start);
  const artifact = { path: 'out/a.json', bytes: 2, sha256: 'ab', object: 'o' };
  for (const id of [ended, open]) events.put(created(id));
  events.put(vmReady(ended, { vm }));
  events.put(completed(ended, vm, { artifacts: [artifact] }));
  events.put(vmGone(vm, { task: ended }));
  using projection = project(events);
  expect(readArtifacts(projection.db, ended)).toEqual({ artifacts: [artifact], host: 'host-1' });
  expect(readTaskEvents(projection.db, ended, 0)).toEqual({ seqs: [1, 3, 4, 5], over: true });
  dropEndedBefore(projection.db, start + 4_000);
  expect(readTask(projection.db, ended)).not.toBeNull();
  dropEndedBefore(projection.db, start + 4_001);
  expect(readTask(projection.db, ended)).toBeNull();
  expect(readArtifacts(projection.db, ended)).toEqual({ artifacts: [], host: null });
  expect(readTask(projection.db, open)).not.toBeNull();
  expect(countTasks(projection.db)).toEqual([{ pool: 'default', status: 'queued', outcome: null, tasks: 1 }]);
});

test('many that are to be forgotten are so in parts, each of which says whether it was the last', () => {
  const events = memoryEvents();
  for (const id of Array.from({ length: 250 }, () => newTaskId(start))) {
    events.put(created(id, { run: 'x', labels: { team: 'a' } }));
    events.put(completed(id, null));
  }
  using projection = project(events);
  const left = () => listTasks(projection.db, { labels: { team: 'a' } }, 1_000, null).tasks.length;
  expect([dropEndedBefore(projection.db, start * 2), left()]).toEqual([false, 50]);
  expect([dropEndedBefore(projection.db, start * 2), left()]).toEqual([true, 0]);
  expect(countTasks(projection.db)).toEqual([]);
});

/** A stage's task that has ended. */
function putStage(events: MemoryEvents, pipeline: PipelineId): TaskId {
  const task = newTaskId(start);
  events.put(created(task, undefined, { stage: { pipeline, stage: 'first', index: 0, run: 1 } }));
  events.put(completed(task, null));
  return task;
}

test('a pipeline is kept with its tasks until it has ended, and until those that resume it are forgotten', () => {
  const events = memoryEvents();
  const [failed, resuming] = [samplePipeline(), samplePipeline()];
  events.put(pipelineCreated(failed));
  const task = putStage(events, failed);
  using projection = project(events);
  const { db } = projection;
  const isKept = () => showPipeline(db, failed) !== null && readTask(db, task) !== null;
  const drop = () => dropEndedBefore(db, start + 3_600_000);
  const tell = (draft: Draft) => {
    const event = events.put(draft);
    projection.advance([{ seq: event.seq, event }]);
  };
  drop();
  expect(isKept()).toBe(true);
  tell(pipelineCreated(resuming, { resumed: { from: failed, expand: [], ended: [], skip: [] } }));
  tell(pipelineCompleted(failed, { outcome: 'failed' }));
  drop();
  expect(isKept()).toBe(true);
  tell(pipelineCompleted(resuming));
  drop();
  drop();
  expect(showPipeline(db, failed)).toBeNull();
  expect(readTask(db, task)).toBeNull();
});
