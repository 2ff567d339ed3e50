/**
 * The live output of attempts, in `LOGS`. A chunk's payload is the bytes themselves, its offset a header. A writer
 * expects the last sequence of its own subject, so a stale one cannot write (I8, I10), and goes on at the stored end.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { NextMsgRequest, StoredMsg } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';
import type { HostToken } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { orAborted } from '@vm-task/shared/or-aborted';
import type { ProgressView } from '@vm-task/shared/progress';
import {
  eventsOf,
  factsOfLog,
  type LogFacts,
  type LogStream,
  logSubject,
  logSubjects,
  type TaskKey,
} from '@vm-task/shared/subjects';
import { throwIfNonRetryable } from './answers.ts';
import type { Connection } from './connection.ts';
import type { RawMessage } from './envelope.ts';
import { findCreated } from './find-task.ts';
import { follow } from './follow.ts';
import { readHistory } from './task-history.ts';
import { progressOf } from './task-progress.ts';

const offsetHeader = 'vm-task-offset';

/** Between two looks at a write of unknown outcome, while the broker is away. */
const unknownPauseMs = 250;

export interface LogChunk {
  readonly seq: number;
  readonly attempt: number;
  readonly stream: LogStream;
  /** Of the first byte, in this attempt's stream. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface LogWriter {
  /** Where the next byte goes: everything before it is stored. */
  readonly offset: number;
  /** Returns when the bytes are stored. @throws `log-overtaken` when another writer has taken over. */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>;
}

/** A writer behind the last stored byte of this attempt's stream. */
export async function openLogWriter(
  connection: Connection,
  task: TaskId,
  attempt: number,
  stream: LogStream,
  host: HostToken,
): Promise<LogWriter> {
  const subject = logSubject(task, attempt, stream, host);
  const last = await connection.jsm.streams.getMessage('LOGS', { last_by_subj: subject });
  const chunk = last === null || isChunk(last) ? last : ((await chunksFrom(connection, subject, 1)).at(-1) ?? null);
  const offset = chunk === null ? 0 : Number(chunk.header.get(offsetHeader)) + chunk.data.length;
  return writerFrom(connection, subject, last?.seq ?? 0, offset);
}

/** Output has an offset. Whatever else is published there moves the sequence, and is nobody's. */
function isChunk({ header }: StoredMsg): boolean {
  return header?.has(offsetHeader) ?? false;
}

/** The output on a subject from a sequence on, one question each. */
async function chunksFrom({ jsm }: Connection, subject: string, from: number): Promise<StoredMsg[]> {
  const chunks: StoredMsg[] = [];
  for (let seq = from; ; ) {
    const next: NextMsgRequest & { seq: number } = { seq, next_by_subj: subject };
    const message = await jsm.streams.getMessage('LOGS', next);
    if (message === null) return chunks;
    if (isChunk(message)) chunks.push(message);
    seq = message.seq + 1;
  }
}

/** A writer of a stream that nobody is known to have written yet; its first write is refused where somebody has. */
export function beginLog(
  connection: Connection,
  task: TaskId,
  attempt: number,
  stream: LogStream,
  host: HostToken,
): LogWriter {
  return writerFrom(connection, logSubject(task, attempt, stream, host), 0, 0);
}

function writerFrom(connection: Connection, subject: string, lastSeq: number, begin: number): LogWriter {
  // A stale writer at the same place must not be taken for this one, nor this one for it.
  const writer = randomUUID();
  let seq = lastSeq;
  let offset = begin;
  return {
    get offset() {
      return offset;
    },
    async write(bytes, signal) {
      seq = await store(connection, { subject, offset, bytes, after: seq, writer }, signal);
      offset += bytes.length;
    },
  };
}

interface Chunk {
  readonly subject: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The last sequence of the subject that the writer knows. */
  readonly after: number;
  readonly writer: string;
}

/** The chunk's sequence, once the stream shows it; the broker's absence is waited out. */
async function store(connection: Connection, chunk: Chunk, signal: AbortSignal): Promise<number> {
  const msgID = `${chunk.subject}/${chunk.offset}/${chunk.writer}`;
  let after = chunk.after;
  for (;;) {
    const header = headers();
    header.set(offsetHeader, String(chunk.offset));
    try {
      const expect = { lastSubjectSequence: after };
      const publishing = connection.js.publish(chunk.subject, chunk.bytes, { headers: header, expect, msgID });
      return (await orAborted(publishing, signal)).seq;
    } catch (error) {
      signal.throwIfAborted();
      throwIfNonRetryable(error);
      const found = await orAborted(lookBehind(connection, chunk), signal);
      if (found !== 'unknown') {
        const own = found.chunks.find(({ header: stored }) => stored.get('Nats-Msg-Id') === msgID);
        if (own !== undefined) return own.seq;
        after = goOnAfter(found, chunk, error);
      }
      await orAborted(delay(unknownPauseMs), signal);
    }
  }
}

/** @throws `log-overtaken`. The stream is bounded: where other output has pushed out all of this one, it begins anew. */
function goOnAfter({ lastSeq, chunks }: Behind, chunk: Chunk, cause: unknown): number {
  if (chunks.length === 0) return lastSeq;
  throw new VmTaskError('log-overtaken', `another runner writes ${chunk.subject} now`, { cause });
}

interface Behind {
  /** Of the subject; 0 for none. */
  readonly lastSeq: number;
  /** Output that is stored behind what the writer knows. */
  readonly chunks: readonly StoredMsg[];
}

async function lookBehind(connection: Connection, { subject, after }: Chunk): Promise<Behind | 'unknown'> {
  try {
    // The last one first: what is stored later refuses the writer once more.
    const last = await connection.jsm.streams.getMessage('LOGS', { last_by_subj: subject });
    const isBehind = last !== null && last.seq > after;
    return { lastSeq: last?.seq ?? 0, chunks: isBehind ? await chunksFrom(connection, subject, after + 1) : [] };
  } catch {
    return 'unknown';
  }
}

/** What the process said of itself between its output. */
export interface ProgressEntry {
  readonly seq: number;
  readonly attempt: number;
  readonly progress: ProgressView;
}

/** A message that is nobody's output: it is passed over, and was there. */
export interface NoEntry {
  readonly seq: number;
  readonly attempt: null;
}

/**
 * The output of a task, and its progress, as they come, from a sequence of `LOGS` on, until `signal`. What another host
 * than that of the attempt's VM has written is no output of the task.
 */
export async function* followLog(
  connection: Connection,
  task: TaskId,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<LogChunk | ProgressEntry | NoEntry, void, void> {
  const writers = new AttemptHosts(connection, task);
  const options = { stream: 'LOGS', filter: logSubjects(task), from: Math.max(1, from), signal };
  for await (const { message } of follow(connection, options)) {
    const facts = factsOfLog(message.subject);
    const isOwn = facts !== null && (await writers.hostOf(facts.attempt)) === facts.host;
    yield (isOwn ? entryOf(message, facts) : null) ?? { seq: message.seq, attempt: null };
  }
}

/**
 * The host of each attempt's VM, by the task's events. Output comes after them. Whoever writes to an attempt that is not
 * there costs one question, not the task's history.
 */
class AttemptHosts {
  readonly #connection: Connection;
  readonly #task: TaskId;
  readonly #known = new Map<number, HostToken>();
  #key: TaskKey | null = null;
  /** Of the last message on the task's subjects when they were read. */
  #lastSeq = 0;

  constructor(connection: Connection, task: TaskId) {
    this.#connection = connection;
    this.#task = task;
  }

  async hostOf(attempt: number): Promise<HostToken | null> {
    if (!this.#known.has(attempt) && (await this.#hasMoved())) await this.#read();
    return this.#known.get(attempt) ?? null;
  }

  async #hasMoved(): Promise<boolean> {
    if (this.#key === null) return true;
    const last = await this.#connection.jsm.streams.getMessage('EVENTS', { last_by_subj: eventsOf(this.#key) });
    return (last?.seq ?? 0) !== this.#lastSeq;
  }

  async #read(): Promise<void> {
    const created = await findCreated(this.#connection, this.#task);
    if (created === null) return;
    const { events, lastSeq } = await readHistory(this.#connection, created.data);
    for (const event of events) if (event.type === 'vm.ready') this.#known.set(event.data.attempt, event.host);
    this.#key = created.data;
    this.#lastSeq = lastSeq;
  }
}

/** The sequence of the last that is stored of a task's output or progress, or 0 when there is none. */
export async function lastLogSeq({ jsm }: Connection, task: TaskId): Promise<number> {
  return (await jsm.streams.getMessage('LOGS', { last_by_subj: logSubjects(task) }))?.seq ?? 0;
}

function entryOf(message: RawMessage, { attempt, stream }: LogFacts): LogChunk | ProgressEntry | null {
  if (stream === 'progress') {
    const progress = progressOf(message);
    return progress === null ? null : { seq: message.seq, attempt, progress };
  }
  if (message.headers?.has(offsetHeader) !== true) return null;
  const offset = Number(message.headers.get(offsetHeader));
  return { seq: message.seq, attempt, stream, offset, bytes: message.data };
}
