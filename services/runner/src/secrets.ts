/**
 * A task's secrets: read from the home's files for its main process alone, and masked wherever its text goes.
 */
import { Mask, type Masker, secretsMaxBytes } from '@vm-task/guest/mask';
import { readSecret } from '@vm-task/service/secret-file';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { Json } from '@vm-task/shared/json';

export class Secrets {
  /** Variable → value. Never logged, never in an event. */
  readonly environment: Readonly<Record<string, string>>;
  /** A masker that begins so many bytes before a place masks from there on as if it had seen everything. */
  readonly reachBytes: number;
  readonly #mask: Mask;
  readonly #isEmpty: boolean;

  constructor(environment: Readonly<Record<string, string>>) {
    this.environment = environment;
    const values = Object.values(environment);
    this.#isEmpty = values.length === 0;
    this.#mask = new Mask(values);
    this.reachBytes = this.#mask.reachBytes;
  }

  masker(): Masker {
    return this.#mask.masker();
  }

  maskBytes(bytes: Uint8Array): Buffer {
    const masker = this.masker();
    return Buffer.concat([masker.push(bytes), masker.flush()]);
  }

  maskText(text: string): string {
    return this.#isEmpty ? text : this.maskBytes(Buffer.from(text)).toString();
  }

  /** Keys and values, numbers too; one that had to be masked becomes text. */
  maskJson(value: Json): Json {
    if (this.#isEmpty || value === null || typeof value === 'boolean') return value;
    if (typeof value === 'string') return this.maskText(value);
    if (typeof value === 'number')
      return this.maskText(String(value)) === String(value) ? value : this.maskText(String(value));
    if (Array.isArray(value)) return value.map((item) => this.maskJson(item));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.maskText(key), this.maskJson(item)]));
  }
}

/** `wanted`: variable → name of the secret. @throws `secret-unusable`, with what sets it right. */
export async function readSecrets(home: Home, wanted: Readonly<Record<string, string>>): Promise<Secrets> {
  const entries = await Promise.all(
    Object.entries(wanted).map(async ([variable, name]) => [variable, await readSecret(home, name)] as const),
  );
  const bytes = entries.reduce((sum, [, value]) => sum + Buffer.byteLength(value), 0);
  if (bytes <= secretsMaxBytes) return new Secrets(Object.fromEntries(entries));
  const message = `the secrets of the task have ${bytes} bytes together and may have ${secretsMaxBytes}`;
  throw new VmTaskError('secret-unusable', message);
}
