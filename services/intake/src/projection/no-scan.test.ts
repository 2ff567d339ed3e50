/** No question reads a table from end to end, however much has ended: the plan of every statement that is asked says so. */
import type { DatabaseSync } from 'node:sqlite';
import { taskStatuses } from '@vm-task/api/tasks';
import type { Kept } from '@vm-task/bus/inbox';
import type { Stored } from '@vm-task/shared/events';
import {
  completed,
  created,
  pipelineAdvanced,
  pipelineCompleted,
  pipelineCreated,
  retrying,
  samplePipeline,
  sampleSpec,
  sampleTask,
  sampleVm,
  vmGone,
  vmReady,
} from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../../test/memory-events.ts';
import { dropEndedBefore } from './drop-ended.ts';
import { hasBegun } from './has-begun.ts';
import { isPlainTask } from './is-plain-task.ts';
import { listPipelines } from './list-pipelines.ts';
import { listTasks, type TaskFilter } from './list-tasks.ts';
import { openDatabase } from './open-database.ts';
import { createProjection } from './projection.ts';
import { readArtifacts } from './read-artifacts.ts';
import { readTask } from './read-task.ts';
import { resolveId, resolvePipelineId } from './resolve-id.ts';
import { showPipeline } from './show-pipeline.ts';
import { countTasks, oldestQueued } from './task-counts.ts';
import { readTaskEvents } from './task-events.ts';
import { dropOldDays } from './team-days.ts';
import { dropGoneMessages, isCountedMessage, openMessageCounts } from './team-messages.ts';
import { readUsage } from './team-usage.ts';

const task = sampleTask();
const pipeline = samplePipeline();

/** One that lives, one that waits, and a pipeline. */
function sampleEvents(): Stored[] {
  const events = memoryEvents();
  events.put(created(sampleTask(), { spec: { ...sampleSpec, labels: { team: 'a' } } }));
  events.put(created(task, { team: 'red' }));
  const vm = sampleVm();
  events.put(vmReady(task, { vm }));
  events.put(retrying(task, { vm }));
  events.put(completed(task, { outcome: 'failed' }));
  events.put(vmGone(vm, { task }));
  events.put(pipelineCreated(pipeline));
  events.put(pipelineAdvanced(pipeline, { expand: [{ stage: 'first', items: [1] }] }));
  events.put(pipelineCompleted(pipeline));
  return events.stored;
}

/** How the statements that `ask` makes are carried out, a line for each step. */
function plansOf(ask: (db: DatabaseSync) => void): string[] {
  using projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 100 }));
  const { db } = projection;
  const prepare = db.prepare.bind(db);
  const asked: string[] = [];
  db.prepare = (sql) => {
    asked.push(sql);
    return prepare(sql);
  };
  projection.advance(sampleEvents().map((event) => ({ seq: event.seq, event })));
  const forEvents = asked.splice(0);
  ask(db);
  const all = asked.length === 0 ? forEvents : asked;
  return all.flatMap((sql) => prepare(`EXPLAIN QUERY PLAN ${sql}`).all()).map(({ detail }) => String(detail));
}

const filters: readonly TaskFilter[] = [
  {},
  ...taskStatuses.map((status) => ({ status })),
  { pool: 'default' },
  { labels: { team: 'a' } },
  { labels: { team: 'a', at: 'home' } },
  { status: 'queued', pool: 'default', labels: { team: 'a' } },
  { status: 'completed', pool: 'default' },
  { team: 'red' },
  { team: 'red', status: 'completed', pool: 'default' },
  { team: 'red', status: 'queued' },
  { team: 'red', labels: { team: 'a' } },
];

const questions: readonly (readonly [string, (db: DatabaseSync) => void])[] = [
  ['what an event changes', () => undefined],
  ...filters.map(
    (filter) => [`list of ${JSON.stringify(filter)}`, (db: DatabaseSync) => listTasks(db, filter, 10, null)] as const,
  ),
  ['pipelines', (db) => listPipelines(db, undefined, 10, null)],
  ['pipelines by status', (db) => listPipelines(db, 'completed', 10, 5)],
  ['pipelines of a team', (db) => [undefined, 'completed' as const].map((one) => listPipelines(db, one, 10, 5, 'red'))],
  ['pools and metrics', (db) => [countTasks(db), countTasks(db, 'red')]],
  ['the age of the queue', (db) => oldestQueued(db)],
  ['a task', (db) => readTask(db, task)],
  ['its events', (db) => readTaskEvents(db, task, 0)],
  ['its files', (db) => readArtifacts(db, task)],
  ['whether it is plain', (db) => isPlainTask(db, task)],
  ['a pipeline', (db) => showPipeline(db, pipeline)],
  ['beginnings of ids', (db) => [resolveId(db, 'a'), resolvePipelineId(db, 'a')]],
  ['those of a team', (db) => [resolveId(db, 'a', 'red'), resolvePipelineId(db, 'a', 'red')]],
  ['retention', (db) => dropEndedBefore(db, Date.now())],
  ['old days and messages', (db) => [dropOldDays(db, Date.now()), dropGoneMessages(db, Date.now())]],
  ['a message that comes', (db) => openMessageCounts(db, { created: 'now', lastSeq: 9 }).advance([message])],
  ['what a team uses', (db) => Object.values(readUsage(db, 'red', Date.now())).map((use) => use.freeAtMs(1))],
  ['whether it is shown', (db) => [hasBegun(db, pipeline), isCountedMessage(db, 'x')]],
];

const message = {
  seq: 1,
  host: 'any',
  message: { to: 'anna', priority: 'normal', id: 'x', team: 'red', expiresAt: '2026-01-01T00:00:00.000Z' },
} as unknown as Kept;

/** These have one row, or one for each kind of task, whatever their number; a list of values is no table. */
const small = /^SCAN (progress|message_progress|task_counts|CONSTANT ROW)/;

test.each(questions)('no table is read from end to end, nor sorted, for %s', (_about, ask) => {
  const plans = plansOf(ask);
  expect(plans).not.toEqual([]);
  expect(plans.filter((plan) => /SCAN|TEMP B-TREE/.test(plan) && !small.test(plan))).toEqual([]);
});
