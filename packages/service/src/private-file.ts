/** Files that only their owner may read, replaced in one step. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Readers see the old content or the new, never a part; nobody else can open it at any moment. */
export function writePrivateFile(path: string, content: string): void {
  replace(path, content, false);
}

/** As `writePrivateFile`, and when it returns a power cut leaves the new content. */
export function writeDurablePrivateFile(path: string, content: string): void {
  replace(path, content, true);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function replace(path: string, content: string, flush: boolean): void {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, content, { mode: 0o600, flag: 'wx', flush });
  renameSync(draft, path);
}
