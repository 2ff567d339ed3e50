/**
 * What a team may still have: asked before anything of it is stored. What this intake has taken and the projection does not
 * show yet is counted beside it, so that one intake alone takes no more than there is, however many ask at once.
 */
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost } from '@vm-task/shared/events';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import type { Message } from '@vm-task/shared/inbox';
import { type Quotas as Limits, type QuotaName, quotaNames } from '@vm-task/shared/quotas';
import { inboxSubject } from '@vm-task/shared/subjects';
import { hasBegun } from './projection/has-begun.ts';
import type { Projection } from './projection/projection.ts';
import { isCountedMessage } from './projection/team-messages.ts';
import { readUsage, type Use } from './projection/team-usage.ts';
import { type QuotaUse, quotaRefusal } from './quota-refusal.ts';

/** What is to be taken: a pipeline counts as one until it begins, and then by its tasks. */
export interface Wanted {
  readonly what: 'task' | 'pipeline' | 'message';
  /** It may leave files. */
  readonly keepsFiles: boolean;
}

/** What was taken, as it is stored: a task or a pipeline with the sequence of its beginning, or a message. */
export type StoredThing = { readonly id: TaskId | PipelineId; readonly seq: number } | { readonly message: Message };

/** Held by what was taken until it is stored and shown. Disposed of before that, nothing was taken. */
export interface Place extends Disposable {
  stored(thing: StoredThing): void;
}

export interface Quotas {
  /** @throws `quota-exceeded`. */
  take(team: string | undefined, wanted: Wanted): Place;
  usage(team: string): readonly QuotaUse[];
  /** Why nothing of that is taken of the team now, or null. */
  refusal(team: string, wanted: Wanted): string | null;
}

export interface QuotasDeps {
  readonly teams: Readonly<Record<string, { readonly quotas: Limits }>>;
  readonly projection: Pick<Projection, 'db' | 'position'>;
  /** By the broker's clock, which days and ends are told by. */
  readonly nowMs: () => number;
}

interface Held {
  readonly what: Wanted['what'];
  /** Null while it is on its way. */
  stored: StoredThing | null;
}

const ofSubmissions: readonly QuotaName[] = ['waitingTasks', 'tasksPerDay', 'outputMiB'];

function quotasOf({ what, keepsFiles }: Wanted): readonly QuotaName[] {
  if (what === 'message') return ['messages'];
  return keepsFiles ? [...ofSubmissions, 'artifactsMiB'] : ofSubmissions;
}

/** Those that have a number of what is taken. */
const counted: Readonly<Record<Wanted['what'], readonly QuotaName[]>> = {
  task: ['waitingTasks', 'tasksPerDay'],
  pipeline: ['waitingTasks', 'tasksPerDay'],
  message: ['messages'],
};

/** Where there is no quota. */
const free: Place = { stored: () => undefined, [Symbol.dispose]: () => undefined };

export const noQuotas: Pick<Quotas, 'take'> = { take: () => free };

export function createQuotas(deps: QuotasDeps): Quotas {
  const { teams, projection, nowMs } = deps;
  const heldBy = new Map<string, Set<Held>>();
  const limitsOf = (team: string): Limits => (Object.hasOwn(teams, team) ? (teams[team]?.quotas ?? {}) : {});
  const heldOf = (team: string, quota: QuotaName): number => {
    const held = heldBy.get(team) ?? new Set();
    for (const one of held) if (isShown(deps, one)) held.delete(one);
    return [...held].filter(({ what }) => counted[what].includes(quota)).length;
  };
  const usage = (team: string) => {
    const limits = limitsOf(team);
    const uses = readUsage(projection.db, team, nowMs());
    return quotaNames.map((quota) => useOf(quota, uses[quota], heldOf(team, quota), limits[quota] ?? null));
  };
  const refusal = (team: string, wanted: Wanted): string | null => {
    const limits = limitsOf(team);
    const asked = quotasOf(wanted).filter((quota) => limits[quota] !== undefined);
    if (asked.length === 0) return null;
    const over = usage(team).find(({ quota, used, limit }) => asked.includes(quota) && limit !== null && used >= limit);
    return over === undefined ? null : quotaRefusal(team, over);
  };
  return {
    usage,
    refusal,
    take(team, wanted) {
      if (team === undefined || Object.keys(limitsOf(team)).length === 0) return free;
      const reason = refusal(team, wanted);
      if (reason !== null) throw new VmTaskError('quota-exceeded', reason);
      const held: Held = { what: wanted.what, stored: null };
      const all = heldBy.get(team) ?? new Set();
      heldBy.set(team, all.add(held));
      return {
        stored(thing) {
          held.stored = thing;
        },
        [Symbol.dispose]: () => void (held.stored === null && all.delete(held)),
      };
    },
  };
}

/** True from when it is counted in the tables, or is gone already. */
function isShown({ projection: { db, position }, nowMs }: QuotasDeps, { what, stored }: Held): boolean {
  if (stored === null) return false;
  if ('message' in stored) {
    const { message } = stored;
    return isCountedMessage(db, inboxSubject(message, anyHost)) || Date.parse(message.expiresAt) <= nowMs();
  }
  return position >= stored.seq && (what === 'task' || hasBegun(db, stored.id as PipelineId));
}

function useOf(quota: QuotaName, { used, freeAtMs }: Use, held: number, limit: number | null): QuotaUse {
  const all = used + held;
  return { quota, used: all, limit, freeAtMs: limit === null || all < limit ? null : freeAtMs(limit) };
}
