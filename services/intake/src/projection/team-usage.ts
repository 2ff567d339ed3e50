/** What a team uses of each of its quotas, from counters: nobody who asks counts tasks. */
import type { DatabaseSync } from 'node:sqlite';
import { manualPool } from '@vm-task/shared/ids';
import type { QuotaName } from '@vm-task/shared/quotas';
import { statement } from './statement.ts';
import { artifactsDays, dayMs, dayOf, outputDays, readTeamDays, type TeamDay } from './team-days.ts';
import { countMessages, messagesBelow } from './team-messages.ts';

export interface Use {
  /** In the unit of the quota. */
  readonly used: number;
  /** When it is less than `limit` by the passing of time alone, in milliseconds since 1970; null where time does not help. */
  readonly freeAtMs: (limit: number) => number | null;
}

export function readUsage(db: DatabaseSync, team: string, nowMs: number): Readonly<Record<QuotaName, Use>> {
  const days = readTeamDays(db, team, nowMs);
  const today = dayOf(nowMs);
  const tomorrowMs = (today + 1) * dayMs;
  return {
    waitingTasks: { used: countWaiting(db, team), freeAtMs: () => null },
    tasksPerDay: {
      used: days.find(({ day }) => day === today)?.tasks ?? 0,
      freeAtMs: (limit) => (limit === 0 ? null : tomorrowMs),
    },
    artifactsMiB: useOf(days, 'artifacts', artifactsDays, today),
    outputMiB: useOf(days, 'output', outputDays, today),
    messages: {
      used: countMessages(db, team, nowMs),
      freeAtMs: (limit) => messagesBelow(db, team, limit, nowMs),
    },
  };
}

const MiB = 1024 ** 2;

function useOf(days: readonly TeamDay[], what: 'artifacts' | 'output', daysKept: number, today: number): Use {
  const kept = days.filter(({ day }) => day + daysKept >= today);
  const used = kept.reduce((sum, one) => sum + one[what], 0) / MiB;
  const freeAtMs = (limit: number) => {
    if (limit === 0) return null;
    let left = used;
    const last = kept.find((one) => {
      left -= one[what] / MiB;
      return left < limit;
    });
    return last === undefined ? null : (last.day + daysKept + 1) * dayMs;
  };
  return { used, freeAtMs };
}

/** A question to people waits for none. */
function countWaiting(db: DatabaseSync, team: string): number {
  const sql = `SELECT sum(tasks) AS waiting FROM task_counts
    WHERE status IN ('queued', 'retrying') AND team = ? AND pool <> '${manualPool}'`;
  return Number(statement(db, sql).get(team)?.['waiting'] ?? 0);
}
