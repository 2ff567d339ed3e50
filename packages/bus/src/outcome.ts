/** What a handler decides. Only the bus knows ack, nak and dead letters. */
import type { Draft } from '@vm-task/shared/events';
import type { Appended } from './append.ts';

export interface Done {
  readonly kind: 'done';
  readonly event: Draft | null;
  /** The last sequence of the event stream that the event expects; the handled message's own where it is not given. */
  readonly expectedSeq: number | null;
  /** Told how the append ended, before the ack: the place to release what a lost race left behind. */
  readonly settle: ((appended: Appended) => Promise<void>) | null;
}

export interface Retry {
  readonly kind: 'retry';
  readonly afterMs: number;
  readonly reason: string;
}

export interface Reject {
  readonly kind: 'reject';
  readonly reason: string;
}

/** Neither acknowledged nor given back: another worker has the message by now, and what it decides counts. */
export interface Ignore {
  readonly kind: 'ignore';
  readonly reason: string;
}

export type HandlerOutcome = Done | Retry | Reject | Ignore;

export function done(
  event: Draft | null = null,
  options: { readonly expectedSeq?: number; readonly settle?: (appended: Appended) => Promise<void> } = {},
): Done {
  return { kind: 'done', event, expectedSeq: options.expectedSeq ?? null, settle: options.settle ?? null };
}

export function retry(afterMs: number, reason: string): Retry {
  return { kind: 'retry', afterMs, reason };
}

export function reject(reason: string): Reject {
  return { kind: 'reject', reason };
}

export function ignore(reason: string): Ignore {
  return { kind: 'ignore', reason };
}
