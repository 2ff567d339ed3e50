/**
 * Accepting something that may have an `Idempotency-Key`: whoever repeats a request with its key is led to the one thing
 * of that key, whatever crashed or changed in between. So the key is looked at before anything that may refuse.
 */
import type { Bus } from '@vm-task/bus/bus';
import type { Keys } from '@vm-task/bus/idempotency';
import type { Draft } from '@vm-task/shared/events';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import type { Ownership } from '@vm-task/shared/people';
import type { Admission } from './admission.ts';
import { hashOfBody, requireSameBody } from './hash-of-body.ts';
import type { Quotas } from './quotas.ts';

export interface Once<Id extends TaskId | PipelineId> {
  readonly what: 'task' | 'pipeline';
  readonly body: unknown;
  /** The `Idempotency-Key`, or null. */
  readonly key: string | null;
  /** A team's keys are its own. */
  readonly ownership: Pick<Ownership, 'team'>;
  readonly newId: () => Id;
  /** The event that says that it was accepted, or null. */
  readonly find: (id: Id) => Promise<{ readonly seq: number } | null>;
  /** What is to be accepted. @throws why it cannot be. */
  readonly plan: () => (id: Id) => Draft;
}

export interface AcceptanceOf<Id> {
  readonly id: Id;
  /** Of the event that says so. */
  readonly seq: number;
}

export interface OnceDeps {
  readonly bus: Pick<Bus, 'append'>;
  readonly admission: Pick<Admission, 'requireRoom'>;
  readonly quotas: Pick<Quotas, 'take'>;
  readonly keys: Keys;
}

/** @throws what `plan` throws, `stream-full`, `quota-exceeded`, `idempotency-conflict`, the abort's reason. */
export async function acceptOnce<Id extends TaskId | PipelineId>(
  { bus, admission, quotas, keys }: OnceDeps,
  once: Once<Id>,
  signal: AbortSignal,
): Promise<AcceptanceOf<Id>> {
  const { what, body, key, ownership, newId, find, plan } = once;
  const keyed =
    key === null ? null : { what, key, name: keyOfTeam(what === 'task' ? key : `${what} ${key}`, ownership) };
  const known = keyed === null ? null : await keys.find<Id>(keyed.name);
  if (keyed !== null && known !== null) {
    requireSameBody(known, body, keyed);
    const found = await find(known.id);
    if (found !== null) return { id: known.id, seq: found.seq };
  }
  const draft = plan();
  const fresh = newId();
  const planned = draft(fresh);
  await admission.requireRoom({ keepsFiles: planned.type === 'task.created' && keepsFiles(planned) });
  using place = quotas.take(ownership.team, { what, keepsFiles: keepsFiles(planned) });
  const store = async (id: Id): Promise<AcceptanceOf<Id>> => {
    const seq = await append(bus, draft(id), signal);
    place.stored({ id, seq });
    return { id, seq };
  };
  if (keyed === null) return await store(fresh);
  const entry = await keys.claim<Id>(keyed.name, { id: fresh, bodyHash: hashOfBody(body) });
  requireSameBody(entry, body, keyed);
  // Another request with the same key may have been faster, in another pool if the configuration has changed since.
  const found = await find(entry.id);
  return found === null ? await store(entry.id) : { id: entry.id, seq: found.seq };
}

/** A header cannot have a NUL, so no key is that of another team. */
export function keyOfTeam(key: string, { team }: Pick<Ownership, 'team'>): string {
  return team === undefined ? key : `\0${team}\0${key}`;
}

function keepsFiles(draft: Draft): boolean {
  if (draft.type === 'task.created') return draft.data.spec.artifacts.length > 0;
  // The tasks of a pipeline are not planned yet.
  return (
    draft.type === 'pipeline.created' && draft.data.spec.stages.some(({ task }) => Object.hasOwn(task, 'artifacts'))
  );
}

/** The sequence of what was accepted. A conflict means that it goes on already: another request was faster. */
async function append(bus: Pick<Bus, 'append'>, draft: Draft, signal: AbortSignal): Promise<number> {
  const appended = await bus.append(draft, 0, signal);
  return appended.kind === 'stored' ? appended.event.seq : (appended.head?.seq ?? 0);
}
