/** Telling people, once, of what is stored and cannot be acted on here. */
import type { Draft, HostToken, UnknownEvent } from '@vm-task/shared/events';
import { namePattern } from '@vm-task/shared/ids';
import type { Announce } from './announce.ts';

interface Telling {
  readonly host: HostToken;
  readonly announce: Announce;
}

/** Somebody who floods the stream with types of his own is reported so many times by one process. */
const toldMax = 100;
/** What each speaker has told: one for each process, and in tests many after one another. */
const toldBy = new WeakMap<Announce, Set<string>>();

/** Of an event of a type or version that this build does not know: it waits for a newer one. */
export async function reportUnknown(
  bus: Telling,
  { said, why, seq }: Pick<UnknownEvent, 'said' | 'why' | 'seq'>,
  signal: AbortSignal,
): Promise<void> {
  const text = `an event of type ${JSON.stringify(said.slice(0, 80))} (message ${seq}) cannot be read here: ${why}. It is left alone until a service of a newer version takes it`;
  await tellOnce(bus, { kind: 'newer-event', id: idFrom(said), text }, signal);
}

/** Of a message that is no event: who publishes such has credentials that are not used as they should be. */
export async function reportForeign(
  bus: Telling,
  { host, subject, seq, why }: { host: HostToken | null; subject: string; seq: number; why: string },
  signal: AbortSignal,
): Promise<void> {
  const from = host !== null && namePattern.test(host) ? host : 'unknown';
  const text = `message ${seq} on ${subject.slice(0, 200)} is no event: ${why}. It changes nothing; more of the kind from there are counted and not reported`;
  await tellOnce(bus, { kind: 'foreign-message', id: idFrom(from), text }, signal);
}

async function tellOnce(
  { host, announce }: Telling,
  alert: { readonly kind: string; readonly id: string; readonly text: string },
  signal: AbortSignal,
): Promise<void> {
  const about = `${alert.kind} ${alert.id}`;
  const told = toldBy.get(announce) ?? new Set();
  toldBy.set(announce, told);
  if (told.has(about) || told.size >= toldMax) return;
  told.add(about);
  const draft: Draft = { type: 'alert.raised', data: { v: 1, severity: 'warning', ...alert }, host };
  await announce(draft, signal, { once: true }).catch((error) => {
    told.delete(about);
    throw error;
  });
}

/** What an alert may be about. */
function idFrom(text: string): string {
  return (
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 64) || 'nameless'
  );
}
