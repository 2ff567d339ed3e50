/**
 * A task's secrets: read from the home's files for its main process alone, and masked wherever its text goes.
 * A file must be the operator's own (0600). A value has 4 characters or more: masking a shorter one would shred the
 * output without hiding anything.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createMasker, type Masker, maskReachBytes } from '@vm-task/guest/mask';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { parseName } from '@vm-task/shared/ids';
import type { Json } from '@vm-task/shared/json';

const valueMinChars = 4;
/** Linux takes 128 KiB in one variable, its name included. */
const valueMaxBytes = 120 * 1024;

export class Secrets {
  /** Variable → value. Never logged, never in an event. */
  readonly environment: Readonly<Record<string, string>>;
  /** A masker that begins so many bytes before a place masks from there on as if it had seen everything. */
  readonly reachBytes: number;
  readonly #values: readonly string[];

  constructor(environment: Readonly<Record<string, string>>) {
    this.environment = environment;
    this.#values = Object.values(environment);
    this.reachBytes = maskReachBytes(this.#values);
  }

  masker(): Masker {
    return createMasker(this.#values);
  }

  maskBytes(bytes: Uint8Array): Buffer {
    const masker = this.masker();
    return Buffer.concat([masker.push(bytes), masker.flush()]);
  }

  maskText(text: string): string {
    return this.#values.length === 0 ? text : this.maskBytes(Buffer.from(text)).toString();
  }

  /** Keys and values, numbers too; one that had to be masked becomes text. */
  maskJson(value: Json): Json {
    if (this.#values.length === 0 || value === null || typeof value === 'boolean') return value;
    if (typeof value === 'string') return this.maskText(value);
    if (typeof value === 'number')
      return this.maskText(String(value)) === String(value) ? value : this.maskText(String(value));
    if (Array.isArray(value)) return value.map((item) => this.maskJson(item));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.maskText(key), this.maskJson(item)]));
  }
}

/** `wanted`: variable → name of the secret. Thrown: `secret-unusable`, with what sets it right. */
export async function readSecrets(home: Home, wanted: Readonly<Record<string, string>>): Promise<Secrets> {
  const entries = await Promise.all(
    Object.entries(wanted).map(async ([variable, name]) => [variable, await readSecret(home, name)] as const),
  );
  return new Secrets(Object.fromEntries(entries));
}

async function readSecret(home: Home, name: string): Promise<string> {
  const path = home.secret(parseName('secret', name));
  const bytes = await readOwnFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof VmTaskError) throw error;
    const hint = error.code === 'ENOENT' ? `there is no ${path}; write the value there, mode 0600` : error.message;
    throw new VmTaskError('secret-unusable', `the secret "${name}" cannot be read: ${hint}`, { cause: error });
  });
  const value = decode(bytes, path).replace(/\r?\n$/, '');
  if ([...value].length >= valueMinChars && !value.includes('\0')) return value;
  throw unusable(
    path,
    `must have at least ${valueMinChars} characters, or masking it would shred the output, and no NUL`,
  );
}

async function readOwnFile(path: string): Promise<Buffer> {
  // Neither a link nor a pipe: what the operator protected is what is read, and nothing waits.
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stat = await file.stat();
  if (!stat.isFile()) throw unusable(path, 'must be a regular file');
  if ((stat.mode & 0o077) !== 0) {
    throw unusable(path, `may be read by others (mode ${(stat.mode & 0o777).toString(8)}): run chmod 600 ${path}`);
  }
  if (stat.size > valueMaxBytes) throw unusable(path, `has ${stat.size} bytes and may have ${valueMaxBytes}`);
  return await file.readFile();
}

function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new VmTaskError('secret-unusable', `${path} must be UTF-8 text, because it becomes an environment variable`, {
      cause: error,
    });
  }
}

function unusable(path: string, why: string): VmTaskError {
  return new VmTaskError('secret-unusable', `${path} ${why}`);
}
