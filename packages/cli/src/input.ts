/** Text that a user gives: a file, or standard input for `-`. */
import { readFile } from 'node:fs/promises';
import { type ErrorCode, VmTaskError } from '@vm-task/shared/errors';
import { requireUtf8 } from '@vm-task/shared/utf8';

/** To its end, however slow it is: its descriptor may be one that does not wait. */
async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What `path` is called in errors. */
export function sourceOf(path: string): string {
  return path === '-' ? 'standard input' : path;
}

/** @throws an error of `code`. */
export async function readText(path: string, code: ErrorCode): Promise<string> {
  return requireUtf8(await readBytes(path, code), sourceOf(path), code);
}

async function readBytes(path: string, code: ErrorCode): Promise<Buffer> {
  try {
    return path === '-' ? await readStdin() : await readFile(path);
  } catch (error) {
    throw new VmTaskError(code, `${sourceOf(path)} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
