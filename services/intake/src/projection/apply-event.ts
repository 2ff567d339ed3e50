/**
 * One event's effect on the tables. Events of tasks that are not there (their beginning was purged) have none, and of
 * several terminal events only the first counts (I2).
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Question } from '@vm-task/api/tasks';
import type { EventData, Stored } from '@vm-task/shared/events';
import { isPipelineEvent } from '@vm-task/shared/subjects';
import { applyPipelineEvent } from './pipeline-row.ts';
import { statement } from './statement.ts';
import { isoTime } from './task-row.ts';

type Of<T extends Stored['type']> = Stored<T>;

export function applyEvent(db: DatabaseSync, event: Stored): void {
  switch (event.type) {
    case 'task.created':
      created(db, event);
      break;
    case 'vm.ready':
      vmReady(db, event);
      break;
    case 'task.setup.done':
      setupDone(db, event);
      break;
    case 'task.retrying':
      retrying(db, event);
      break;
    case 'task.cancelling':
      setStatus(db, event.data.task, 'cancelling');
      break;
    case 'task.completed':
      completed(db, event);
      break;
    case 'pipeline.created':
    case 'pipeline.advanced':
    case 'pipeline.cancelling':
    case 'pipeline.completed':
      applyPipelineEvent(db, event);
      break;
    case 'task.resumed':
    case 'vm.gone':
    case 'alert.raised':
      break;
  }
  const task = taskOf(event);
  if (task === null) return;
  statement(db, 'INSERT OR IGNORE INTO task_events SELECT id, ? FROM tasks WHERE id = ?').run(event.seq, task);
}

/** Who wants to know of the event: those who follow its task, its pipeline, or the pipeline of its task. */
export function topicsOf(db: DatabaseSync, event: Stored): string[] {
  if (isPipelineEvent(event)) return [event.data.pipeline];
  const task = taskOf(event);
  if (task === null) return [];
  const pipeline = statement(db, 'SELECT pipeline FROM tasks WHERE id = ?').get(task)?.['pipeline'];
  return typeof pipeline === 'string' ? [task, pipeline] : [task];
}

/** The task that an event is about, or null. */
function taskOf(event: Stored): string | null {
  return 'task' in event.data ? event.data.task : null;
}

function created(db: DatabaseSync, { seq, time, data }: Of<'task.created'>): void {
  const { task, pool, spec, stage } = data;
  const { main, timeouts } = spec;
  statement(
    db,
    `INSERT OR IGNORE INTO tasks (id, created_seq, pool, status, image, has_setup, labels, created_at, pipeline, question)
     VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)`,
  ).run(
    task,
    seq,
    pool,
    spec.image,
    spec.setup.length > 0 ? 1 : 0,
    JSON.stringify(spec.labels),
    time.getTime(),
    stage?.pipeline ?? null,
    main.kind === 'answer' ? JSON.stringify(questionOf(main.text, time.getTime() + timeouts.totalMs)) : null,
  );
}

function questionOf(text: string, untilMs: number): Question {
  return { text, until: isoTime(untilMs) };
}

function vmReady(db: DatabaseSync, { time, data }: Of<'vm.ready'>): void {
  const { changes } = statement(
    db,
    `UPDATE tasks SET vm = ?, image = ?, status = iif(has_setup, 'setup', 'starting')
     WHERE id = ? AND completed_at IS NULL`,
  ).run(data.vm, data.image, data.task);
  if (changes === 0) return;
  statement(db, 'INSERT OR IGNORE INTO attempts (task, number, vm, started_at) VALUES (?, ?, ?, ?)').run(
    data.task,
    data.attempt,
    data.vm,
    time.getTime(),
  );
}

function setupDone(db: DatabaseSync, { time, data }: Of<'task.setup.done'>): void {
  setStatus(db, data.task, 'running');
  statement(db, 'UPDATE attempts SET setup_done_at = ? WHERE task = ? AND number = ?').run(
    time.getTime(),
    data.task,
    data.attempt,
  );
}

function setStatus(db: DatabaseSync, task: string, status: 'running' | 'cancelling'): void {
  statement(db, 'UPDATE tasks SET status = ? WHERE id = ? AND completed_at IS NULL').run(status, task);
}

/** The VM is released: until the next one is ready, the task has none. */
function retrying(db: DatabaseSync, { time, data }: Of<'task.retrying'>): void {
  const { changes } = statement(
    db,
    `UPDATE tasks SET status = 'retrying', vm = NULL WHERE id = ? AND completed_at IS NULL`,
  ).run(data.task);
  if (changes > 0) endAttempt(db, time, data);
}

function completed(db: DatabaseSync, { time, data }: Of<'task.completed'>): void {
  const { changes } = statement(
    db,
    `UPDATE tasks SET status = 'completed', outcome = ?, completed_at = ?, exit_code = ?, process_ms = ?, error = ?,
       artifacts = ?, result = ?
     WHERE id = ? AND completed_at IS NULL`,
  ).run(
    data.outcome,
    time.getTime(),
    data.exitCode,
    data.processMs,
    errorText(data),
    JSON.stringify(data.artifacts),
    JSON.stringify(data.result?.value ?? null),
    data.task,
  );
  if (changes > 0) endAttempt(db, time, data);
}

/** An attempt that could not get a VM is known by its failure alone; one that was only waited for is none. */
function endAttempt(db: DatabaseSync, time: Date, data: EventData<'task.completed' | 'task.retrying'>): void {
  const failed = !('outcome' in data) || data.outcome === 'failed';
  if (failed) {
    statement(db, 'INSERT OR IGNORE INTO attempts (task, number) VALUES (?, ?)').run(data.task, data.attempt);
  }
  statement(db, 'UPDATE attempts SET ended_at = ?, exit_code = ?, error = ? WHERE task = ? AND number = ?').run(
    time.getTime(),
    data.exitCode,
    errorText(data),
    data.task,
    data.attempt,
  );
}

function errorText({ error }: Pick<EventData<'task.completed'>, 'error'>): string | null {
  return error === null ? null : JSON.stringify(error);
}
