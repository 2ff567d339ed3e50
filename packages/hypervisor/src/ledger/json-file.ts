/** JSON files that are there as a whole or not at all, whatever is killed and whenever the power goes. */
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import { tolerant } from '@vm-task/shared/tolerant';
import type { z } from 'zod';
import { nullIfMissing } from '../host/missing.ts';

/** On disk when it returns, in place of what was there. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const draft = await writeDraft(path, value, 'synced');
  await rename(draft, path);
  await syncFolder(dirname(path));
}

/** As `writeJson`, but a power cut may bring back what was there: for what is worth nothing after one. */
export async function writeJsonForThisBoot(path: string, value: unknown): Promise<void> {
  await rename(await writeDraft(path, value, 'unsynced'), path);
}

/** On disk when it returns true; false when the file is there already, however narrowly. */
export async function writeJsonOnce(path: string, value: unknown): Promise<boolean> {
  const draft = await writeDraft(path, value, 'synced');
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(path));
  return true;
}

/** What a file says: `torn` is no JSON, which only a disk that lost what it had promised leaves behind. */
export type JsonFile<T> = { readonly kind: 'value'; readonly value: T } | { readonly kind: 'absent' | 'torn' };

/**
 * What a newer version has added is passed over, as in events.
 * @throws `ledger-unreadable` for JSON of a form that we do not know
 */
export async function readJson<S extends z.ZodType>(path: string, schema: S): Promise<JsonFile<z.infer<S>>> {
  const text = await readFile(path, 'utf8').catch(nullIfMissing);
  if (text === null) return { kind: 'absent' };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: 'torn' };
  }
  const parsed = tolerant(schema).safeParse(json);
  if (parsed.success) return { kind: 'value', value: parsed.data };
  throw unknownForm(path, parsed.error);
}

/** The error of a file that is JSON, and not as this version writes it. */
export function unknownForm(path: string, cause: z.ZodError): VmTaskError {
  const what = `${path} is not of the form that this version writes; use the version that wrote it`;
  return new VmTaskError('ledger-unreadable', `${what}: ${cause.message}`, { cause });
}

/** Makes the folder's entries durable. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

let drafts = 0;

async function writeDraft(path: string, value: unknown, safety: 'synced' | 'unsynced'): Promise<string> {
  drafts += 1;
  const draft = `${path}.${process.pid}-${drafts}`;
  await using file = await open(draft, 'wx', 0o600);
  await file.writeFile(`${JSON.stringify(value)}\n`);
  if (safety === 'synced') await file.sync();
  return draft;
}
