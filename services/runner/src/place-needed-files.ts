/** The files of needed stages, from the object store into the guest: there before the first setup step begins. */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { openArtifact } from '@vm-task/bus/artifacts';
import type { Connection } from '@vm-task/bus/connection';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Attempt } from './attempt.ts';
import type { Contact } from './contact.ts';
import { workFolderOf } from './plan-jobs.ts';
import type { NeededFile } from './read-needs.ts';

/** As much as four tasks may leave behind: a disk of usual size has room for that, and for what is made of it. */
const limits = { maxFiles: 1_024, maxBytes: 1024 * 1024 * 1024 };

/**
 * The folder's absolute path in the guest, where every file is as it was stored; null when there are none.
 * @throws `needed-files-too-large`, `needed-result-gone` for one that is no longer kept or has other bytes; as `Contact.reach`.
 */
export async function placeNeededFiles(
  attempt: Attempt,
  contact: Contact,
  connection: Connection,
  files: readonly NeededFile[],
): Promise<string | null> {
  if (files.length === 0) return null;
  requireRoom(files);
  const { ready, expectedSeq, signal } = attempt;
  // A VM may be kept for the tasks of several stages.
  const name = `needs-files-${ready.task}-${ready.attempt}`;
  const folder = posix.join(posix.dirname(workFolderOf(attempt)), name);
  const given = files.map((file) => ({
    path: file.path,
    executable: file.executable === true,
    content: () => contentOf(connection, file),
  }));
  return contact.reach((guest) => guest.place({ folder, by: String(expectedSeq), files: given, signal }));
}

function requireRoom(files: readonly NeededFile[]): void {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (files.length <= limits.maxFiles && bytes <= limits.maxBytes) return;
  const has = `the needed stages left ${files.length} files of ${bytes} bytes together`;
  const may = `a task is given up to ${limits.maxFiles} files of ${limits.maxBytes} bytes`;
  throw new VmTaskError('needed-files-too-large', `${has}; ${may}. Let the stages keep fewer, or pack them into one`);
}

/** Ends with an error rather than with other bytes than those that the stage left. */
async function* contentOf(
  connection: Connection,
  { path, host, object, sha256 }: NeededFile,
): AsyncGenerator<Uint8Array, void> {
  const content = await openArtifact(connection, host, object);
  if (content === null) throw gone(path, 'is no longer kept');
  const hash = createHash('sha256');
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== sha256) throw gone(path, 'has other bytes than it had');
}

function gone(path: string, how: string): VmTaskError {
  return new VmTaskError('needed-result-gone', `the file ${path} of a needed stage ${how}; run its stage again`);
}
