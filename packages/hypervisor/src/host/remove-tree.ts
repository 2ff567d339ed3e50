/** Files and folders, away for certain or with the reason why not. */
import { rm } from 'node:fs/promises';
import { orAborted } from '@vm-task/shared/or-aborted';
import type { Leftover } from '../ledger/quarantine.ts';

/** Thousands of files go in that time, or the filesystem does not answer. */
const removalLimitMs = 20_000;

/** A removal that hangs holds one of this process's few threads: it is waited for again, and never begun twice. */
const underWay = new Map<string, Promise<void>>();

/** Nothing when all of it is gone, as it is when it never was there. */
export async function removeTree(path: string): Promise<Leftover[]> {
  try {
    await orAborted(underWay.get(path) ?? begin(path), AbortSignal.timeout(removalLimitMs));
    return [];
  } catch (error) {
    return [fileLeft(path, error)];
  }
}

/** What an error of the filesystem means for whoever has to remove the file. */
export function fileLeft(path: string, error: unknown): Leftover {
  const { code, path: inner = path, message, name } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError') {
    return { kind: 'file', what: path, why: `the filesystem has not answered for ${removalLimitMs / 1_000} s` };
  }
  return { kind: 'file', what: inner, why: hints[code ?? ''] ?? message };
}

const hints: Readonly<Record<string, string>> = {
  EPERM: 'not permitted: see with lsattr -R whether something there is immutable (chattr -i), or whose it is',
  EACCES: 'not permitted: it belongs to another user',
  EBUSY: 'busy: something is mounted there (findmnt), or uses it (fuser -v)',
  EROFS: 'its filesystem is mounted read-only, which it is after errors: see dmesg',
  EIO: 'its disk fails: see dmesg',
};

function begin(path: string): Promise<void> {
  const removal = rm(path, { recursive: true, force: true, maxRetries: 3 }).finally(() => underWay.delete(path));
  underWay.set(path, removal);
  return removal;
}
