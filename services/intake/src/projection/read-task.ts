/** One task as `show` shows it. */
import type { DatabaseSync } from 'node:sqlite';
import type { AttemptView, TaskView } from '@vm-task/api/tasks';
import { readFileViews } from './read-artifacts.ts';
import { statement } from './statement.ts';
import { errorOf, isoTime, openQuestionOf, summaryColumns, summaryOf, type TaskRow } from './task-row.ts';
import { timingsOf } from './timings.ts';

interface AttemptRow {
  readonly number: number;
  readonly vm: string | null;
  readonly started_at: number | null;
  readonly setup_done_at: number | null;
  readonly ended_at: number | null;
  readonly exit_code: number | null;
  readonly error: string | null;
}

/** Null when there is no such task. What its process says of its progress is no event. */
export function readTask(db: DatabaseSync, id: string): Omit<TaskView, 'progress'> | null {
  const row = statement(db, `SELECT ${summaryColumns} FROM tasks WHERE id = ?`).get(id) as TaskRow | undefined;
  if (row === undefined) return null;
  const sql = `SELECT number, vm, started_at, setup_done_at, ended_at, exit_code, error FROM attempts
    WHERE task = ? ORDER BY number`;
  const attempts = statement(db, sql).all(row.created_seq) as unknown as AttemptRow[];
  const timings = timingsOf({
    createdAt: row.created_at,
    completedAt: row.completed_at,
    processMs: row.process_ms,
    isQuestion: row.question !== null,
    attempts: attempts.map(({ number, vm, started_at, setup_done_at, ended_at }) => ({
      number,
      vm,
      startedAt: started_at,
      setupDoneAt: setup_done_at,
      endedAt: ended_at,
    })),
  });
  return {
    ...summaryOf(row),
    question: openQuestionOf(row),
    attempts: attempts.map(attemptOf),
    timings,
    ...readFileViews(db, id),
  };
}

function attemptOf(row: AttemptRow): AttemptView {
  return {
    number: row.number,
    vm: row.vm,
    startedAt: row.started_at === null ? null : isoTime(row.started_at),
    endedAt: row.ended_at === null ? null : isoTime(row.ended_at),
    exitCode: row.exit_code,
    error: errorOf(row.error),
  };
}
