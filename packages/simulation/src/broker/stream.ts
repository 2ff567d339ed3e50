/** One stream as nats-server keeps it, as far as vm-task relies on it: sequences, expectations, message ids. */

import { DiscardPolicy, JetStreamApiError, type StreamConfig } from '@nats-io/jetstream';
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
  /** Past it nothing is taken, where nothing old is given up; else without limit. */
  readonly maxBytes: number;
  readonly #nowMs: () => number;
  readonly #messages: StoredMessage[] = [];
  readonly #lastOnSubject = new Map<string, StoredMessage>();
  readonly #ids = new Map<string, { readonly seq: number; readonly atMs: number }>();
  #lastSeq = 0;
  #ownBytes = 0;
  /** What else there is in the stream, of which nobody here knows anything. */
  otherBytes = 0;

  constructor(definition: StreamDefinition, { nowMs, isOfThree }: { nowMs: () => number; isOfThree: boolean }) {
    this.name = definition.name;
    this.subjects = definition.subjects;
    this.#windowMs = (definition.duplicate_window ?? defaultWindowMs * nanosPerMs) / nanosPerMs;
    this.#isOfThree = isOfThree;
    this.#keepsOne = definition.max_msgs_per_subject === 1;
    this.maxBytes = definition.discard === DiscardPolicy.New ? (definition.max_bytes ?? Infinity) : Infinity;
    this.#nowMs = nowMs;
  }

  get bytes(): number {
    return this.#ownBytes + this.otherBytes;
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
   * @throws 10071 when the expectation does not hold, 10077 when the stream is full. One server looks at the expectation
   * before the message's id, so what is sent again is refused; three of them look at the id first, and say that it is a
   * duplicate. What is refused for either reason may be so for the one or for the other.
   */
  publish(publication: Publication): PubAnswer {
    const { subject, headers, data, msgId } = publication;
    if (this.#isOfThree) this.#requireRoom(data.length);
    const earlier = this.#earlierOf(msgId);
    if (earlier === null || !this.#isOfThree) this.#requireExpected(publication);
    if (earlier !== null) return { stream: this.name, seq: earlier, duplicate: true };
    this.#requireRoom(data.length);
    const replaced = this.#lastOnSubject.get(subject);
    if (this.#keepsOne && replaced !== undefined) this.remove(replaced.seq);
    const message: StoredMessage = { seq: ++this.#lastSeq, subject, headers, data, timeMs: this.#nowMs() };
    this.#messages.push(message);
    this.#ownBytes += data.length;
    this.#lastOnSubject.set(subject, message);
    if (msgId !== null) this.#ids.set(msgId, { seq: message.seq, atMs: message.timeMs });
    return { stream: this.name, seq: message.seq, duplicate: false };
  }

  #requireExpected({ expect }: Publication): void {
    if (expect === null) return;
    const last = this.lastOf(expect.filter)?.seq ?? 0;
    if (last !== expect.last) throw wrongLastSequence(last);
  }

  #requireRoom(bytes: number): void {
    if (this.bytes + bytes <= this.maxBytes) return;
    throw new JetStreamApiError({ code: 503, err_code: 10077, description: 'maximum bytes exceeded' });
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

  /** Each subject that the pattern selects, with how many messages it has. */
  subjectsOn(pattern: string): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { subject } of this.#messages) {
      if (subjectMatches(pattern, subject)) counts[subject] = (counts[subject] ?? 0) + 1;
    }
    return counts;
  }

  at(seq: number): StoredMessage | null {
    const message = this.#messages[this.#indexFrom(seq)];
    return message?.seq === seq ? message : null;
  }

  /** The first message from a sequence on that the filter selects. */
  nextFrom(seq: number, filter: string): StoredMessage | null {
    for (let index = this.#indexFrom(seq); index < this.#messages.length; index++) {
      const message = this.#messages[index];
      if (message !== undefined && subjectMatches(filter, message.subject)) return message;
    }
    return null;
  }

  countFrom(seq: number, filter: string): number {
    let count = 0;
    for (let index = this.#indexFrom(seq); index < this.#messages.length; index++) {
      if (subjectMatches(filter, this.#messages[index]?.subject ?? '')) count += 1;
    }
    return count;
  }

  /** Where the first message from a sequence on is, by halves: this is asked all the time. */
  #indexFrom(seq: number): number {
    let [from, to] = [0, this.#messages.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#messages[middle]?.seq ?? 0) < seq) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Only for streams that keep one message of a subject: nothing comes to light behind the last. */
  remove(seq: number): void {
    const index = this.#indexFrom(seq);
    if (this.#messages[index]?.seq !== seq) return;
    const [removed] = this.#messages.splice(index, 1);
    if (removed === undefined) return;
    this.#lastOnSubject.delete(removed.subject);
    this.#ownBytes -= removed.data.length;
  }

  purge(filter: string): void {
    const kept = this.#messages.filter(({ subject }) => !subjectMatches(filter, subject));
    this.#messages.splice(0, this.#messages.length, ...kept);
    this.#ownBytes = kept.reduce((sum, { data }) => sum + data.length, 0);
    for (const subject of this.#lastOnSubject.keys()) {
      if (subjectMatches(filter, subject)) this.#lastOnSubject.delete(subject);
    }
  }
}

function wrongLastSequence(last: number): JetStreamApiError {
  return new JetStreamApiError({ code: 400, err_code: 10071, description: `wrong last sequence: ${last}` });
}
