/**
 * One event's effect on the tables. Events of tasks that are not there (their beginning was purged) have none, nor have
 * those of a host that may not speak for the task; so of several terminal events only the first counts (I2).
 */
import type { DatabaseSync } from 'node:sqlite';
import { courseAfter, maySpeak } from '@vm-task/shared/course';
import type { Head, Stored, UnknownEvent } from '@vm-task/shared/events';
import { readableTypes } from '@vm-task/shared/read-event';
import { factsOfSubject, isPipelineEvent } from '@vm-task/shared/subjects';
import { applyPipelineEvent } from './apply-pipeline-event.ts';
import { changeAttempt, changeTask, createTask, findKnownTask } from './change-task.ts';
import { statement } from './statement.ts';
import type { CountChanges } from './task-counts.ts';
import { countBeginning, countLeft } from './team-days.ts';

export function applyEvent(db: DatabaseSync, event: Head, counts: CountChanges): void {
  if (event.type === 'unknown') noteUnread(db, event);
  const task = taskOf(event);
  if (event.type === 'vm.gone') vmGone(db, event);
  else if (isPipelineEvent(event)) applyPipelineEvent(db, event);
  else if (task !== null) applyTaskEvent(db, task, event, counts);
}

function applyTaskEvent(db: DatabaseSync, task: string, event: Head, counts: CountChanges): void {
  const before = findKnownTask(db, task);
  if (!maySpeak(before, event)) return;
  if (before === null) {
    if (event.type === 'task.created') beginTask(db, event, counts);
    return;
  }
  counts.move(before, changeTask(db, before, event, courseAfter(before, event)));
  changeAttempt(db, before, event);
  countLeft(db, before.team, before.seq, event);
  noteEvent(db, before.seq, event.seq);
}

function beginTask(db: DatabaseSync, event: Stored<'task.created'>, counts: CountChanges): void {
  const kind = createTask(db, event, courseAfter(null, event));
  counts.move(null, kind);
  countBeginning(db, kind.team, kind.pool, event.time);
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
  if (event.type !== 'unknown') return 'task' in event.data ? event.data.task : null;
  const about = factsOfSubject(event.subject)?.about;
  return about !== undefined && 'task' in about ? about.task : null;
}

/** No build is so far ahead: a host may say any number, and each would be a row. */
const versionMax = 1_000;

/** Another build may read it. What is damaged none can, so it is no reason to look again. */
function noteUnread(db: DatabaseSync, { said, version }: UnknownEvent): void {
  if (readableTypes.has(`${said}@${version}`)) return;
  statement(db, 'INSERT OR IGNORE INTO unread (type, version) VALUES (?, ?)').run(said, Math.min(version, versionMax));
}

function noteEvent(db: DatabaseSync, task: number, seq: number): void {
  statement(db, 'INSERT OR IGNORE INTO task_events (task, seq) VALUES (?, ?)').run(task, seq);
}

/** Of a VM that the task had, said by that VM's host. */
function vmGone(db: DatabaseSync, { seq, data: { task, vm }, host }: Stored<'vm.gone'>): void {
  const sql = `INSERT OR IGNORE INTO task_events SELECT task, ? FROM attempts
    WHERE task = (SELECT created_seq FROM tasks WHERE id = ?) AND vm = ? AND host = ?`;
  if (task !== null) statement(db, sql).run(seq, task, vm, host);
}
