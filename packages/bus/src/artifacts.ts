/** Files that attempts leave behind, in the object store of their host; one for each time that one is stored. */
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Objm } from '@nats-io/obj';
import type { HostToken } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { z } from 'zod';
import type { Connection } from './connection.ts';
import { artifactsOf } from './streams.ts';

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

/** Stores a stream of bytes without holding it in memory; returns what was stored. */
export async function storeArtifact(
  { js }: Connection,
  host: HostToken,
  object: string,
  content: AsyncIterable<Uint8Array>,
): Promise<StoredArtifact> {
  const store = await new Objm(js).open(artifactsOf(host));
  const hash = createHash('sha256');
  let bytes = 0;
  const counted = async function* () {
    for await (const chunk of content) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  const web = Readable.toWeb(Readable.from(counted(), { objectMode: false }));
  await store.put({ name: object }, web as unknown as ReadableStream<Uint8Array>);
  return { bytes, sha256: hash.digest('hex'), object };
}

/** What the object store says of an object: under which id its chunks are, and how many bytes they have. */
const objectSchema = z.object({ nuid: z.string(), size: z.int(), deleted: z.boolean().default(false) });

/**
 * The bytes of a stored artifact, or null when it has gone. Read message by message: the library would make a consumer,
 * which no host may.
 */
export async function openArtifact(connection: Connection, host: HostToken, object: string): Promise<Readable | null> {
  const bucket = artifactsOf(host);
  const subject = `$O.${bucket}.M.${Buffer.from(object).toString('base64url')}`;
  const message = await readMessage(connection, bucket, { last_by_subj: subject });
  const found = message === null ? null : objectSchema.parse(JSON.parse(Buffer.from(message.data).toString('utf8')));
  if (found === null || found.deleted) return null;
  return Readable.from(chunksOf(connection, bucket, found), { objectMode: false });
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
