/** One stream as nats-server keeps it, as far as vm-task relies on it: sequences, expectations, message ids. */

import type { StreamConfig } from '@nats-io/jetstream';
import { JetStreamApiError } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import { subjectMatches } from '@vm-task/shared/subjects';

export type StreamDefinition = Partial<StreamConfig> & { readonly name: string; readonly subjects: string[] };

export interface StoredMessage {
  readonly seq: number;
  readonly subject: string;
  readonly headers: MsgHdrs;
  readonly data: Uint8Array;
  readonly timeMs: number;
}

export interface Publication {
  readonly subject: string;
  readonly headers: MsgHdrs;
  readonly data: Uint8Array;
  readonly msgId: string | null;
  readonly expect: { readonly last: number; readonly filter: string } | null;
}

export interface PubAnswer {
  readonly stream: string;
  readonly seq: number;
  readonly duplicate: boolean;
}

/** The broker's own default. */
const defaultWindowMs = 120_000;
const nanosPerMs = 1_000_000;

export class Stream {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly #windowMs: number;
  readonly #isOfThree: boolean;
  /** Only the last message of a subject is kept. */
  readonly #keepsOne: boolean;
  readonly #nowMs: () => number;
  readonly #messages: StoredMessage[] = [];
  readonly #lastOnSubject = new Map<string, StoredMessage>();
  readonly #ids = new Map<string, { readonly seq: number; readonly atMs: number }>();
  #lastSeq = 0;

  constructor(definition: StreamDefinition, { nowMs, isOfThree }: { nowMs: () => number; isOfThree: boolean }) {
    this.name = definition.name;
    this.subjects = definition.subjects;
    this.#windowMs = (definition.duplicate_window ?? defaultWindowMs * nanosPerMs) / nanosPerMs;
    this.#isOfThree = isOfThree;
    this.#keepsOne = definition.max_msgs_per_subject === 1;
    this.#nowMs = nowMs;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** In the order of their sequences; those that were purged are missing. */
  get messages(): readonly StoredMessage[] {
    return this.#messages;
  }

  takes(subject: string): boolean {
    return this.subjects.some((pattern) => subjectMatches(pattern, subject));
  }

  /**
   * Thrown: 10071 when the expectation does not hold. One server looks at it before the message's id, so what is sent
   * again is refused; three of them look at the id first, and say that it is a duplicate.
   */
  publish(publication: Publication): PubAnswer {
    const { subject, headers, data, msgId } = publication;
    const earlier = this.#earlierOf(msgId);
    if (earlier === null || !this.#isOfThree) this.#requireExpected(publication);
    if (earlier !== null) return { stream: this.name, seq: earlier, duplicate: true };
    const replaced = this.#lastOnSubject.get(subject);
    if (this.#keepsOne && replaced !== undefined) this.remove(replaced.seq);
    const message: StoredMessage = { seq: ++this.#lastSeq, subject, headers, data, timeMs: this.#nowMs() };
    this.#messages.push(message);
    this.#lastOnSubject.set(subject, message);
    if (msgId !== null) this.#ids.set(msgId, { seq: message.seq, atMs: message.timeMs });
    return { stream: this.name, seq: message.seq, duplicate: false };
  }

  #requireExpected({ expect }: Publication): void {
    if (expect === null) return;
    const last = this.lastOf(expect.filter)?.seq ?? 0;
    if (last !== expect.last) throw wrongLastSequence(last);
  }

  #earlierOf(msgId: string | null): number | null {
    const earlier = msgId === null ? undefined : this.#ids.get(msgId);
    return earlier !== undefined && this.#nowMs() - earlier.atMs < this.#windowMs ? earlier.seq : null;
  }

  /** The last message on a subject, or on any that the pattern selects. */
  lastOf(pattern: string): StoredMessage | null {
    if (!/[*>]/.test(pattern)) return this.#lastOnSubject.get(pattern) ?? null;
    return this.#messages.findLast(({ subject }) => subjectMatches(pattern, subject)) ?? null;
  }

  at(seq: number): StoredMessage | null {
    return this.#messages.find((message) => message.seq === seq) ?? null;
  }

  /** The first message from a sequence on that one of the filters selects. */
  nextFrom(seq: number, filters: readonly string[]): StoredMessage | null {
    if (seq > this.#lastSeq) return null;
    return this.#messages.find((message) => message.seq >= seq && matchesAny(filters, message.subject)) ?? null;
  }

  countFrom(seq: number, filters: readonly string[]): number {
    if (seq > this.#lastSeq) return 0;
    return this.#messages.filter((message) => message.seq >= seq && matchesAny(filters, message.subject)).length;
  }

  /** Only for streams that keep one message of a subject: nothing comes to light behind the last. */
  remove(seq: number): void {
    const index = this.#messages.findIndex((message) => message.seq === seq);
    const [removed] = index < 0 ? [] : this.#messages.splice(index, 1);
    if (removed !== undefined) this.#lastOnSubject.delete(removed.subject);
  }

  purge(filter: string): void {
    const kept = this.#messages.filter(({ subject }) => !subjectMatches(filter, subject));
    this.#messages.splice(0, this.#messages.length, ...kept);
    for (const subject of this.#lastOnSubject.keys()) {
      if (subjectMatches(filter, subject)) this.#lastOnSubject.delete(subject);
    }
  }
}

export function matchesAny(filters: readonly string[], subject: string): boolean {
  return filters.length === 0 || filters.some((filter) => subjectMatches(filter, subject));
}

function wrongLastSequence(last: number): JetStreamApiError {
  return new JetStreamApiError({ code: 400, err_code: 10071, description: `wrong last sequence: ${last}` });
}
