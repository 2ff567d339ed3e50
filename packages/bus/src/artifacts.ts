/** Files that attempts leave behind, in the object store of their host; one for each time that one is stored. */
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { headers } from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';
import type { HostToken } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { z } from 'zod';
import { isAtLimit } from './answers.ts';
import type { Connection } from './connection.ts';
import { artifactsMaxAgeMs, artifactsOf } from './streams.ts';

export interface StoredArtifact {
  readonly bytes: number;
  readonly sha256: string;
  readonly object: string;
}

/**
 * A name that is used once: a runner that was replaced and goes on all the same cannot put other bytes where its
 * successor has said which ones there are. The path is where the name is told, in `task.completed`.
 */
export function artifactName(task: TaskId, attempt: number): string {
  return `${task}/${attempt}/${randomUUID()}`;
}

/** As NATS's own tools cut objects. */
const chunkBytes = 128 * 1024;

/**
 * Stores a stream of bytes without holding it in memory; returns what was stored. Written message by message, because what
 * the library does when `content` fails, purging, no host may. What is stored by then has no name, and is removed before the error
 * goes on: a rollup of its own subject takes its place. Where the broker or the process fails, it goes by its age.
 * @param expectedBytes what is known of the size: where that does not fit, nothing is stored
 * @throws `artifacts-full`; whatever `content` throws.
 */
export async function storeArtifact(
  connection: Connection,
  host: HostToken,
  object: string,
  content: AsyncIterable<Uint8Array>,
  expectedBytes = 0,
): Promise<StoredArtifact> {
  const bucket = artifactsOf(host);
  await requireRoom(connection, host, expectedBytes);
  const nuid = randomUUID();
  const subject = `$O.${bucket}.C.${nuid}`;
  const hash = createHash('sha256');
  let [bytes, chunks] = [0, 0];
  const removing = () => removeChunks(connection, subject, chunks);
  for await (const chunk of chunksIn(undoneBy(removing, content))) {
    hash.update(chunk);
    bytes += chunk.length;
    await publish(connection, host, subject, chunk);
    chunks += 1;
  }
  const digest = hash.digest();
  const stored = {
    ...{ name: object, bucket, nuid, size: bytes, chunks, mtime: new Date().toISOString(), deleted: false },
    ...{ digest: `SHA-256=${digest.toString('base64').replaceAll('+', '-').replaceAll('/', '_')}` },
    options: { max_chunk_size: chunkBytes },
  };
  await publish(connection, host, nameSubject(bucket, object), JSON.stringify(stored));
  return { bytes, sha256: digest.toString('hex'), object };
}

async function requireRoom({ jsm }: Connection, host: HostToken, bytes: number): Promise<void> {
  const { config, state } = await jsm.streams.info(`OBJ_${artifactsOf(host)}`);
  if (config.max_bytes > 0 && state.bytes + bytes > config.max_bytes) throw full(host);
}

async function publish({ js }: Connection, host: HostToken, subject: string, data: Uint8Array | string): Promise<void> {
  await js.publish(subject, data).catch((error: unknown) => {
    throw isAtLimit(error) ? full(host, error) : error;
  });
}

/** `content` as it is; where it fails, `undo` has been done before its error goes on. */
async function* undoneBy(
  undo: () => Promise<void>,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* content;
  } catch (error) {
    await undo();
    throw error;
  }
}

/** The broker replaces all of them by one message without content. */
async function removeChunks({ js }: Connection, subject: string, chunks: number): Promise<void> {
  if (chunks === 0) return;
  const rollup = headers();
  rollup.set('Nats-Rollup', 'sub');
  await js.publish(subject, '', { headers: rollup });
}

function full(host: HostToken, cause?: unknown): VmTaskError {
  const days = artifactsMaxAgeMs / 24 / 3_600_000;
  const what = `the store of ${host} has no room for the files of this task`;
  const remedy = `they go by themselves after ${days} days; leave fewer or smaller ones, or raise max_bytes of OBJ_${artifactsOf(host)} in NATS`;
  return new VmTaskError('artifacts-full', `${what}: ${remedy}`, { cause });
}

/** The same bytes in chunks of one size, but for the last. */
async function* chunksIn(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let [parts, length]: [Uint8Array[], number] = [[], 0];
  for await (const part of content) {
    parts.push(part);
    length += part.length;
    if (length < chunkBytes) continue;
    const all = Buffer.concat(parts);
    const end = length - (length % chunkBytes);
    for (let at = 0; at < end; at += chunkBytes) yield all.subarray(at, at + chunkBytes);
    [parts, length] = [[all.subarray(end)], length - end];
  }
  if (length > 0) yield Buffer.concat(parts);
}

/** What the object store says of an object: under which id its chunks are, and how many bytes they have. */
const objectSchema = z.object({ nuid: z.string(), size: z.int(), deleted: z.boolean().default(false) });

/**
 * The bytes of a stored artifact, or null when it has gone. Read message by message: the library would make a consumer,
 * which no host may.
 */
export async function openArtifact(connection: Connection, host: HostToken, object: string): Promise<Readable | null> {
  const bucket = artifactsOf(host);
  const message = await readMessage(connection, bucket, { last_by_subj: nameSubject(bucket, object) });
  const found = message === null ? null : objectSchema.parse(JSON.parse(Buffer.from(message.data).toString('utf8')));
  if (found === null || found.deleted) return null;
  return Readable.from(chunksOf(connection, bucket, found), { objectMode: false });
}

function nameSubject(bucket: string, object: string): string {
  return `$O.${bucket}.M.${Buffer.from(object).toString('base64url')}`;
}

async function* chunksOf(
  connection: Connection,
  bucket: string,
  { nuid, size }: z.infer<typeof objectSchema>,
): AsyncGenerator<Uint8Array, void, void> {
  let read = 0;
  for (let seq = 1; read < size; ) {
    const chunk = await readMessage(connection, bucket, { seq, next_by_subj: `$O.${bucket}.C.${nuid}` });
    if (chunk === null) throw new Error(`the object ${nuid} of ${bucket} ends after ${read} of ${size} bytes`);
    yield chunk.data;
    read += chunk.data.length;
    seq = chunk.seq + 1;
  }
}

function readMessage(
  { jsm }: Connection,
  bucket: string,
  query: { readonly last_by_subj: string } | { readonly seq: number; readonly next_by_subj: string },
) {
  return jsm.streams.getMessage(`OBJ_${bucket}`, query);
}
