/**
 * What teams have done and left, by the day (UTC) on which it was, counted as events come. What is gone by its age goes
 * out of the sums with its day; output goes with its task, too, whose retention may be shorter.
 */
import type { DatabaseSync } from 'node:sqlite';
import { artifactsMaxAgeMs, outputMaxAgeMs } from '@vm-task/bus/streams';
import type { Head } from '@vm-task/shared/events';
import { manualPool } from '@vm-task/shared/ids';
import { statement } from './statement.ts';

export const dayMs = 24 * 3_600_000;

/** What is of a day may be as late as its last millisecond. */
const daysKept = (maxAgeMs: number) => Math.ceil(maxAgeMs / dayMs);
export const artifactsDays = daysKept(artifactsMaxAgeMs);
export const outputDays = daysKept(outputMaxAgeMs);

export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs);
}

interface Amounts {
  readonly tasks: number;
  readonly artifacts: number;
  readonly output: number;
}

export interface TeamDay extends Amounts {
  readonly day: number;
}

const nothing: Amounts = { tasks: 0, artifacts: 0, output: 0 };

/** A question to people is no task of a VM. */
export function countBeginning(db: DatabaseSync, team: string | null, pool: string, time: Date): void {
  if (team !== null && pool !== manualPool) add(db, team, dayOf(time.getTime()), { ...nothing, tasks: 1 });
}

/** `task`: the sequence of its beginning. */
export function countLeft(db: DatabaseSync, team: string | null, task: number, event: Head): void {
  const { artifacts, output } = leftBy(event);
  if (team === null || (artifacts === 0 && output === 0)) return;
  const day = dayOf(event.time.getTime());
  add(db, team, day, { ...nothing, artifacts, output });
  if (output === 0) return;
  const sql = `INSERT INTO task_output (task, day, bytes) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes`;
  statement(db, sql).run(task, day, output);
}

function leftBy(event: Head): Omit<Amounts, 'tasks'> {
  if (event.type === 'task.retrying') {
    const { artifactBytes = 0, outputBytes = 0 } = event.data.left ?? {};
    return { artifacts: artifactBytes, output: outputBytes };
  }
  if (event.type !== 'task.completed') return nothing;
  const { artifacts, output } = event.data;
  const stored = output === null ? 0 : output.stdout.storedBytes + output.stderr.storedBytes;
  return { artifacts: artifacts.reduce((sum, { bytes }) => sum + bytes, 0), output: stored };
}

/** Before the task is forgotten: its output is purged with it, its files are not. */
export function uncountOutput(db: DatabaseSync, team: string | null, task: number): void {
  const rows = statement(db, 'DELETE FROM task_output WHERE task = ? RETURNING day, bytes').all(task);
  for (const { day, bytes } of rows as unknown as { day: number; bytes: number }[]) {
    if (team !== null) add(db, team, day, { ...nothing, output: -bytes });
  }
}

function add(db: DatabaseSync, team: string, day: number, { tasks, artifacts, output }: Amounts): void {
  const sql = `INSERT INTO team_days (team, day, tasks, artifacts, output) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET tasks = tasks + excluded.tasks, artifacts = artifacts + excluded.artifacts,
      output = output + excluded.output`;
  statement(db, sql).run(team, day, tasks, artifacts, output);
}

/** The oldest first, as far as anything of them may be kept. */
export function readTeamDays(db: DatabaseSync, team: string, nowMs: number): readonly TeamDay[] {
  const sql = 'SELECT day, tasks, artifacts, output FROM team_days WHERE team = ? AND day >= ? ORDER BY day';
  return statement(db, sql).all(team, firstKept(nowMs)) as unknown as TeamDay[];
}

/** Forgets the days of which nothing is kept. */
export function dropOldDays(db: DatabaseSync, nowMs: number): void {
  statement(db, 'DELETE FROM team_days WHERE day < ?').run(firstKept(nowMs));
}

function firstKept(nowMs: number): number {
  return dayOf(nowMs) - Math.max(artifactsDays, outputDays);
}
