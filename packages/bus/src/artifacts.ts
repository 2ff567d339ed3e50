/** Files that attempts leave behind, in the object store; one for each task, attempt and path, with a SHA-256 each. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ObjectStore, Objm } from '@nats-io/obj';
import type { TaskId } from '@vm-task/shared/ids';
import type { Connection } from './connection.ts';

export interface StoredArtifact {
  readonly bytes: number;
  readonly sha256: string;
  readonly object: string;
}

/**
 * The path as a hash: the object's name becomes part of a subject, where a path of any language and length would break
 * the connection. Whoever wants the path has it beside the object, in `task.completed`.
 */
export function artifactName(task: TaskId, attempt: number, path: string): string {
  return `${task}/${attempt}/${createHash('sha256').update(path).digest('hex')}`;
}

function openStore({ js }: Connection): Promise<ObjectStore> {
  return new Objm(js).open('artifacts');
}

/** Stores a stream of bytes without holding it in memory; returns what was stored. */
export async function storeArtifact(
  connection: Connection,
  object: string,
  content: AsyncIterable<Uint8Array>,
): Promise<StoredArtifact> {
  const store = await openStore(connection);
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

/** The bytes of a stored artifact, or null when it has gone. */
export async function openArtifact(connection: Connection, object: string): Promise<Readable | null> {
  const store = await openStore(connection);
  const found = await store.get(object);
  if (found === null) return null;
  // Whoever reads learns of a failure from the stream itself; nobody else waits for this promise.
  found.error.catch(() => undefined);
  return Readable.fromWeb(found.data as never);
}
