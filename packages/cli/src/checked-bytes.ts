/** The bytes of a file as they come, and at their end an error where they are not those that the task left. */
import { createHash } from 'node:crypto';
import { VmTaskError } from '@vm-task/shared/errors';
import { shownPath } from '@vm-task/shared/shown-path';

interface Expected {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** @throws `internal` when they end too early, or are others. */
export async function* checked(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { path, bytes, sha256 }: Expected,
): AsyncGenerator<Uint8Array, void, void> {
  const hash = createHash('sha256');
  let received = 0;
  const wrong = (what: string, cause?: unknown) =>
    new VmTaskError('internal', `${shownPath(path)} ${what} after ${received} of ${bytes} bytes; try again`, { cause });
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      received += chunk.length;
      yield chunk;
    }
  } catch (cause) {
    throw wrong('did not come any more', cause);
  }
  if (hash.digest('hex') !== sha256) throw wrong('is not what the task left', undefined);
}
