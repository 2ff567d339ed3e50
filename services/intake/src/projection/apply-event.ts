/**
 * One event's effect on the tables. Events of tasks that are not there (their beginning was purged) have none, nor have
 * those of a host that may not speak for the task; so of several terminal events only the first counts (I2).
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Question } from '@vm-task/api/tasks';
import { type Course, courseAfter, maySpeak } from '@vm-task/shared/course';
import { type EventData, type Head, isTaskEnd, type Stored, type UnknownEvent } from '@vm-task/shared/events';
import { readableTypes } from '@vm-task/shared/read-event';
import { factsOfSubject, isPipelineEvent } from '@vm-task/shared/subjects';
import { applyPipelineEvent } from './pipeline-row.ts';
import { statement } from './statement.ts';
import { isoTime } from './task-row.ts';

type Of<T extends Stored['type']> = Stored<T>;

export function applyEvent(db: DatabaseSync, event: Head): void {
  if (event.type === 'unknown') noteUnread(db, event);
  const task = taskOf(event);
  if (event.type === 'vm.gone') vmGone(db, event);
  else if (isPipelineEvent(event)) applyPipelineEvent(db, event);
  else if (task !== null) applyTaskEvent(db, task, event);
}

function applyTaskEvent(db: DatabaseSync, task: string, event: Head): void {
  const before = courseOf(db, task);
  if (!maySpeak(before, event)) return;
  change(db, task, event);
  const { phase, vmHost } = courseAfter(before, event);
  statement(db, 'UPDATE tasks SET course = ?, vm_host = ? WHERE id = ?').run(phase, vmHost, task);
  statement(db, 'INSERT OR IGNORE INTO task_events SELECT id, ? FROM tasks WHERE id = ?').run(event.seq, task);
}

function change(db: DatabaseSync, task: string, event: Head): void {
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
      setStatus(db, task, 'cancelling');
      break;
    case 'task.completed':
      completed(db, event);
      break;
    default:
      if (isTaskEnd(event)) unknownEnd(db, task, event);
  }
}

/** Who wants to know of the event: those who follow its task, its pipeline, or the pipeline of its task. */
export function topicsOf(db: DatabaseSync, event: Head): string[] {
  if (isPipelineEvent(event)) return [event.data.pipeline];
  const task = taskOf(event);
  if (task === null) return [];
  const pipeline = statement(db, 'SELECT pipeline FROM tasks WHERE id = ?').get(task)?.['pipeline'];
  return typeof pipeline === 'string' ? [task, pipeline] : [task];
}

/** The task that an event is about, or null. */
function taskOf(event: Head): string | null {
  if (event.type === 'vm.gone') return event.data.task;
  const about = factsOfSubject(event.subject)?.about;
  return about !== undefined && 'task' in about ? about.task : null;
}

/** What decides on who may speak for the task; null for one that is not there. */
function courseOf(db: DatabaseSync, task: string): Course | null {
  const sql = 'SELECT course AS phase, vm_host AS vmHost, bound_to AS boundTo FROM tasks WHERE id = ?';
  return (statement(db, sql).get(task) as Course | undefined) ?? null;
}

/** No build is so far ahead: a host may say any number, and each would be a row. */
const versionMax = 1_000;

/** Another build may read it. What is damaged none can, so it is no reason to look again. */
function noteUnread(db: DatabaseSync, { said, version }: UnknownEvent): void {
  if (readableTypes.has(`${said}@${version}`)) return;
  statement(db, 'INSERT OR IGNORE INTO unread (type, version) VALUES (?, ?)').run(said, Math.min(version, versionMax));
}

/** An end is an end in every version; how it ended is shown once this build can read it. */
function unknownEnd(db: DatabaseSync, task: string, { time }: Head): void {
  statement(db, "UPDATE tasks SET status = 'completed', completed_at = ? WHERE id = ?").run(time.getTime(), task);
}

/** Of a VM that the task had, said by that VM's host. */
function vmGone(db: DatabaseSync, { seq, data: { task, vm }, host }: Of<'vm.gone'>): void {
  const sql = 'INSERT OR IGNORE INTO task_events SELECT task, ? FROM attempts WHERE task = ? AND vm = ? AND host = ?';
  statement(db, sql).run(seq, task, vm, host);
}

function created(db: DatabaseSync, { seq, time, data, host }: Of<'task.created'>): void {
  const { task, pool, spec, stage } = data;
  const { main, timeouts } = spec;
  statement(
    db,
    `INSERT OR IGNORE INTO tasks
       (id, created_seq, pool, status, image, has_setup, labels, created_at, pipeline, question, course, bound_to)
     VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, 'waiting', ?)`,
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
    host,
  );
}

function questionOf(text: string, untilMs: number): Question {
  return { text, until: isoTime(untilMs) };
}

function vmReady(db: DatabaseSync, { time, data, host }: Of<'vm.ready'>): void {
  const status = "iif(has_setup, 'setup', 'starting')";
  statement(db, `UPDATE tasks SET vm = ?, image = ?, status = ${status} WHERE id = ?`).run(
    data.vm,
    data.image,
    data.task,
  );
  statement(db, 'INSERT OR IGNORE INTO attempts (task, number, vm, host, started_at) VALUES (?, ?, ?, ?, ?)').run(
    data.task,
    data.attempt,
    data.vm,
    host,
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
  statement(db, 'UPDATE tasks SET status = ? WHERE id = ?').run(status, task);
}

/** The VM is released: until the next one is ready, the task has none. */
function retrying(db: DatabaseSync, { time, data }: Of<'task.retrying'>): void {
  statement(db, "UPDATE tasks SET status = 'retrying', vm = NULL WHERE id = ?").run(data.task);
  endAttempt(db, time, data);
}

function completed(db: DatabaseSync, { time, data }: Of<'task.completed'>): void {
  statement(
    db,
    `UPDATE tasks SET status = 'completed', outcome = ?, completed_at = ?, exit_code = ?, process_ms = ?, error = ?,
       artifacts = ?, result = ?
     WHERE id = ?`,
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
  endAttempt(db, time, data);
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
