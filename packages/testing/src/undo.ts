/**
 * What the kernel does not undo when a process dies: mounts, network namespaces, immutable files, frozen groups. Whoever
 * makes one writes down before how it is undone; whoever ends an interrupted run does that.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { unlinkSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const suffix = '.undo.json';

/** Until it is disposed of, the command is known to whoever would have to undo it. It may be run although nothing was done. */
export function noteUndo(...command: readonly [string, ...string[]]): Disposable {
  const path = join(tmpdir(), `vm-task-test-${process.pid}-${randomUUID()}${suffix}`);
  writeFileSync(path, JSON.stringify(command));
  return { [Symbol.dispose]: () => unlinkSync(path) };
}

/** Runs every command that is written down in the folder, and forgets it. Nothing to undo is success. */
export async function undoAll(folder: string): Promise<void> {
  const notes = (await readdir(folder)).filter((name) => name.endsWith(suffix));
  for (const note of notes) {
    const path = join(folder, note);
    const [program, ...args] = JSON.parse(await readFile(path, 'utf8')) as [string, ...string[]];
    await promisify(execFile)(program, args).catch(() => undefined);
    await rm(path);
  }
}
