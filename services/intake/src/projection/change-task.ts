/** What an event that counts changes of its task and of the task's attempts. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { Question, TaskStatus } from '@vm-task/api/tasks';
import type { Course } from '@vm-task/shared/course';
import { type EventData, type Head, isTaskEnd, type Outcome, type Stored } from '@vm-task/shared/events';
import { statement } from './statement.ts';
import type { Kind } from './task-counts.ts';
import { isoTime } from './task-row.ts';

/** What of a task decides what its next event changes. */
export interface KnownTask extends Course, Kind {
  /** Of its beginning. */
  readonly seq: number;
  readonly hasSetup: number;
}

/** Null for one that is not there. */
export function findKnownTask(db: DatabaseSync, task: string): KnownTask | null {
  const sql = `SELECT created_seq AS seq, pool, status, outcome, team, has_setup AS hasSetup,
    course AS phase, vm_host AS vmHost, bound_to AS boundTo FROM tasks WHERE id = ?`;
  return (statement(db, sql).get(task) as unknown as KnownTask | undefined) ?? null;
}

export function createTask(db: DatabaseSync, event: Stored<'task.created'>, { phase, boundTo }: Course): Kind {
  const { seq, time, data } = event;
  const { task, pool, spec, stage, team = null } = data;
  const { main, timeouts, labels } = spec;
  const sql = `INSERT INTO tasks
      (id, created_seq, pool, status, image, has_setup, created_at, pipeline, team, question, course, bound_to)
    VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?)`;
  statement(db, sql).run(
    task,
    seq,
    pool,
    spec.image,
    spec.setup.length > 0 ? 1 : 0,
    time.getTime(),
    stage?.pipeline ?? null,
    team,
    main.kind === 'answer' ? JSON.stringify(questionOf(main, time.getTime() + timeouts.totalMs)) : null,
    phase,
    boundTo,
  );
  for (const [name, value] of Object.entries(labels)) {
    statement(db, 'INSERT INTO task_labels (name, value, task) VALUES (?, ?, ?)').run(name, value, seq);
  }
  statement(db, 'INSERT INTO task_events (task, seq) VALUES (?, ?)').run(seq, seq);
  return { pool, status: 'queued', outcome: null, team };
}

function questionOf({ text, answerers }: Pick<Question, 'text' | 'answerers'>, untilMs: number): Question {
  return { text, until: isoTime(untilMs), ...(answerers === undefined ? {} : { answerers }) };
}

/** Returns what the task is counted as from now on. */
export function changeTask(db: DatabaseSync, before: KnownTask, event: Head, course: Course): Kind {
  const { status = before.status, outcome = before.outcome, columns = {} } = changesBy(before, event);
  const all: Columns = { status, outcome, course: course.phase, vm_host: course.vmHost, ...columns };
  const set = Object.keys(all).map((name) => `${name} = ?`);
  statement(db, `UPDATE tasks SET ${set.join(', ')} WHERE created_seq = ?`).run(...Object.values(all), before.seq);
  return { pool: before.pool, status, outcome, team: before.team };
}

type Columns = Readonly<Record<string, SQLInputValue>>;

interface TaskChanges {
  readonly status?: TaskStatus;
  readonly outcome?: Outcome;
  readonly columns?: Columns;
}

function changesBy({ hasSetup }: KnownTask, event: Head): TaskChanges {
  switch (event.type) {
    case 'vm.ready': {
      const { vm, image } = event.data;
      return { status: hasSetup === 1 ? 'setup' : 'starting', columns: { vm, image } };
    }
    case 'task.setup.done':
      return { status: 'running' };
    // The VM is released: until the next one is ready, the task has none.
    case 'task.retrying':
      return { status: 'retrying', columns: { vm: null } };
    case 'task.cancelling':
      return { status: 'cancelling' };
    case 'task.completed':
      return completion(event);
    default:
      // An end is an end in every version; how it ended is shown once this build can read it.
      return isTaskEnd(event) ? { status: 'completed', columns: { completed_at: event.time.getTime() } } : {};
  }
}

function completion({ time, data }: Stored<'task.completed'>): TaskChanges {
  const columns = {
    completed_at: time.getTime(),
    exit_code: data.exitCode,
    process_ms: data.processMs,
    error: errorText(data),
    artifacts: JSON.stringify(data.artifacts),
    unmatched: JSON.stringify(data.unmatched ?? []),
    result: JSON.stringify(data.result?.value ?? null),
  };
  return { status: 'completed', outcome: data.outcome, columns };
}

export function changeAttempt(db: DatabaseSync, { seq }: KnownTask, event: Head): void {
  switch (event.type) {
    case 'vm.ready': {
      const { attempt, vm } = event.data;
      const sql = 'INSERT OR IGNORE INTO attempts (task, number, vm, host, started_at) VALUES (?, ?, ?, ?, ?)';
      statement(db, sql).run(seq, attempt, vm, event.host, event.time.getTime());
      break;
    }
    case 'task.setup.done': {
      const sql = 'UPDATE attempts SET setup_done_at = ? WHERE task = ? AND number = ?';
      statement(db, sql).run(event.time.getTime(), seq, event.data.attempt);
      break;
    }
    case 'task.retrying':
    case 'task.completed':
      endAttempt(db, seq, event.time, event.data);
  }
}

/** An attempt that could not get a VM is known by its failure alone; one that was only waited for is none. */
function endAttempt(
  db: DatabaseSync,
  task: number,
  time: Date,
  data: EventData<'task.completed' | 'task.retrying'>,
): void {
  const failed = !('outcome' in data) || data.outcome === 'failed';
  if (failed) statement(db, 'INSERT OR IGNORE INTO attempts (task, number) VALUES (?, ?)').run(task, data.attempt);
  const sql = 'UPDATE attempts SET ended_at = ?, exit_code = ?, error = ? WHERE task = ? AND number = ?';
  statement(db, sql).run(time.getTime(), data.exitCode, errorText(data), task, data.attempt);
}

function errorText({ error }: Pick<EventData<'task.completed'>, 'error'>): string | null {
  return error === null ? null : JSON.stringify(error);
}
