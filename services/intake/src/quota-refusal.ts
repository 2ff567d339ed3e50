/** The sentence that a refusal by a quota is: how much is used, how much is allowed, and when there is room again. */
import type { QuotaName } from '@vm-task/shared/quotas';

export interface QuotaUse {
  readonly quota: QuotaName;
  readonly used: number;
  /** Null where there is none. */
  readonly limit: number | null;
  /** When there is room again without anybody's doing, in milliseconds since 1970; null where that is not known, or there is room. */
  readonly freeAtMs: number | null;
}

const used: Readonly<Record<QuotaName, (team: string, amount: string) => string>> = {
  waitingTasks: (team, amount) => `the team ${team} has ${amount} tasks that wait for a VM`,
  tasksPerDay: (team, amount) => `the team ${team} has had ${amount} tasks today`,
  artifactsMiB: (team, amount) => `the files that tasks of the team ${team} have left have ${amount} MiB`,
  outputMiB: (team, amount) => `the output of tasks of the team ${team} has ${amount} MiB`,
  messages: (team, amount) => `the team ${team} has ${amount} messages that are kept`,
};

const again: Readonly<Record<QuotaName, string>> = {
  waitingTasks: 'new ones are taken again when fewer wait',
  tasksPerDay: 'new ones are taken again',
  artifactsMiB: 'tasks with artifacts are taken again when old files have gone',
  outputMiB: 'new tasks are taken again when old output has gone',
  messages: 'more are taken again when old ones have gone',
};

export function quotaRefusal(team: string, { quota, used: amount, limit, freeAtMs }: QuotaUse): string {
  const figures = `${roundUp(amount)} of ${limit}`;
  const from = freeAtMs === null ? '' : `, from ${new Date(freeAtMs).toISOString()} on`;
  return `${used[quota](team, figures)} (${quota}); ${again[quota]}${from}`;
}

/** What is at its limit never reads as less. */
export function roundUp(amount: number): number {
  return Math.ceil(amount * 100) / 100;
}
