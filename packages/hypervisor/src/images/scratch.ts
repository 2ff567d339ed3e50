/**
 * Room for a system while it is made. As root it is in the cache. An ordinary user's system belongs to ids of a user
 * namespace, which may not walk through that user's folders: hence a folder in /var/tmp, and a command to touch it.
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool, type Tool, type ToolOptions } from '../run-tool.ts';

export interface Scratch extends AsyncDisposable {
  readonly folder: string;
  /** Where the new system goes. */
  readonly tree: string;
}

/** An empty folder; leftovers of a builder that was killed are removed first. Call it with the lock of `key` held. */
export async function makeScratch(cacheFolder: string, key: string, signal: AbortSignal): Promise<Scratch> {
  const user = process.geteuid?.() ?? 0;
  const folder = user === 0 ? join(cacheFolder, `.scratch-${key}`) : `/var/tmp/vm-task-${user}-${key}`;
  const tree = join(folder, 'tree');
  await removeScratch(folder, tree, signal);
  await mkdir(folder, { mode: 0o700 });
  await chmod(folder, 0o711);
  return {
    folder,
    tree,
    [Symbol.asyncDispose]: () => removeScratch(folder, tree, AbortSignal.timeout(cleanupLimitMs)),
  };
}

/** Removing 30,000 files from a slow disk. */
const cleanupLimitMs = 120_000;

/** Runs a program as the one whom a tree made by mmdebstrap belongs to. */
export async function runAsTreeOwner(tool: Tool, args: readonly string[], options: ToolOptions): Promise<string> {
  if (process.geteuid?.() === 0) return await runTool(tool, args, options);
  // Such a user may not even be where we are.
  return await runTool('mmdebstrap', ['--unshare-helper', tool, ...args], { ...options, cwd: '/' });
}

/** A tree in a namespace is emptied from inside of it; its folder, in a folder of ours, only we can remove. */
async function removeScratch(folder: string, tree: string, signal: AbortSignal): Promise<void> {
  if (existsSync(tree)) await runAsTreeOwner('find', [tree, '-xdev', '-mindepth', '1', '-delete'], { signal });
  await rm(folder, { recursive: true, force: true });
}
