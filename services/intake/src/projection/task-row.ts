/** A row of `tasks` as the summary that `list` shows. */

import type { Question, TaskStatus, TaskSummary } from '@vm-task/api/tasks';
import type { ErrorInfo } from '@vm-task/shared/errors';
import type { Outcome } from '@vm-task/shared/events';
import type { Json } from '@vm-task/shared/json';

/** Everything but the artifacts, which only their own question needs. */
export const summaryColumns =
  'id, created_seq, pool, status, outcome, image, vm, created_at, completed_at, exit_code, process_ms, error, result, question';

export interface TaskRow {
  readonly id: string;
  readonly created_seq: number;
  readonly pool: string;
  readonly status: TaskStatus;
  readonly outcome: Outcome | null;
  readonly image: string;
  readonly vm: string | null;
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly exit_code: number | null;
  readonly process_ms: number | null;
  readonly error: string | null;
  readonly result: string;
  readonly question: string | null;
}

export function summaryOf(row: TaskRow): TaskSummary {
  return {
    id: row.id,
    status: row.status,
    outcome: row.outcome,
    exitCode: row.exit_code,
    result: JSON.parse(row.result) as Json,
    error: errorOf(row.error),
    pool: row.pool,
    image: row.image,
    vm: row.vm,
    createdAt: isoTime(row.created_at),
    completedAt: row.completed_at === null ? null : isoTime(row.completed_at),
  };
}

/** What somebody is asked, while nobody has answered. */
export function openQuestionOf({ status, question }: TaskRow): Question | null {
  return question === null || status === 'completed' ? null : (JSON.parse(question) as Question);
}

export function errorOf(text: string | null): ErrorInfo | null {
  return text === null ? null : (JSON.parse(text) as ErrorInfo);
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
