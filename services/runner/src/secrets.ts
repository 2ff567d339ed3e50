/**
 * A task's secrets: those of its main process, those that its `git` steps give to their servers, and all of them masked
 * wherever its text goes.
 */

import type { SecretKey } from '@vm-task/bus/secret-entries';
import { Mask, type Masker, secretsMaxBytes } from '@vm-task/guest/mask';
import { findSecret } from '@vm-task/service/secret-file';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { Json } from '@vm-task/shared/json';
import { secretNamesOf, type TaskSpec } from '@vm-task/shared/task-spec';

export class Secrets {
  /** Of the main process: variable → value. Never logged, never in an event. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #values: ReadonlyMap<string, string>;
  /** A masker that begins so many bytes before a place masks from there on as if it had seen everything. */
  readonly reachBytes: number;
  readonly #mask: Mask;
  /** There is nothing to look for. */
  readonly isEmpty: boolean;

  /** `values`: name of the secret → value, of all that is to be masked besides the environment. */
  constructor(environment: Readonly<Record<string, string>>, values: ReadonlyMap<string, string> = new Map()) {
    this.environment = environment;
    this.#values = values;
    this.#mask = new Mask([...new Set([...Object.values(environment), ...values.values()])]);
    this.isEmpty = Object.keys(environment).length === 0 && values.size === 0;
    this.reachBytes = this.#mask.reachBytes;
  }

  /** What git gives as a password. @throws `secret-unusable` when git could not be told it. */
  gitPassword(name: string): string {
    const value = this.#values.get(name) ?? '';
    if (value !== '' && !/[\r\n]/.test(value)) return value;
    throw new VmTaskError(
      'secret-unusable',
      `the secret "${name}" has more than one line, and git takes a password of one; write only the password or token into it`,
    );
  }

  masker(): Masker {
    return this.#mask.masker();
  }

  maskBytes(bytes: Uint8Array): Buffer {
    const masker = this.masker();
    return Buffer.concat([masker.push(bytes), masker.flush()]);
  }

  maskText(text: string): string {
    return this.isEmpty ? text : this.maskBytes(Buffer.from(text)).toString();
  }

  /** Keys and values, numbers too; one that had to be masked becomes text. */
  maskJson(value: Json): Json {
    if (this.isEmpty || value === null || typeof value === 'boolean') return value;
    if (typeof value === 'string') return this.maskText(value);
    if (typeof value === 'number')
      return this.maskText(String(value)) === String(value) ? value : this.maskText(String(value));
    if (Array.isArray(value)) return value.map((item) => this.maskJson(item));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.maskText(key), this.maskJson(item)]));
  }
}

/** What control has set for tasks of the team (null: of none), encrypted for this host; null for what it has not. */
export type OpenStored = (secret: SecretKey) => Promise<string | null>;

/** Of a task. */
export interface SecretsOf {
  readonly spec: Pick<TaskSpec, 'secrets' | 'setup'>;
  readonly team?: string | undefined;
}

/**
 * Each secret of the task, read once: the home's file of that name, or else what was set. Files are the home's, so a task of a
 * team gets what was set alone. @throws `secret-unusable`, with what sets it right.
 */
export async function readSecrets(home: Home, { spec, team }: SecretsOf, openStored: OpenStored): Promise<Secrets> {
  const names = secretNamesOf(spec);
  const readOne = (name: string) =>
    team === undefined ? readOfHome(home, name, openStored) : readOfTeam({ team, name }, openStored);
  const read = names.map(async (name) => [name, await readOne(name)] as const);
  const values = new Map(await Promise.all(read));
  const environment = Object.entries(spec.secrets).map(
    ([variable, name]) => [variable, values.get(name) ?? ''] as const,
  );
  const bytes = [...values.values()].reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (bytes <= secretsMaxBytes) return new Secrets(Object.fromEntries(environment), values);
  const message = `the secrets of the task have ${bytes} bytes together and may have ${secretsMaxBytes}`;
  throw new VmTaskError('secret-unusable', message);
}

/** A file that is there and cannot be used is an error, whatever was set beside it. */
async function readOfHome(home: Home, name: string, openStored: OpenStored): Promise<string> {
  const value = (await findSecret(home, name)) ?? (await openStored({ team: null, name }));
  if (value !== null) return value;
  const remedy = `set it by ./vm-task secret set ${name}, or write the value there, mode 0600`;
  throw new VmTaskError(
    'secret-unusable',
    `the secret "${name}" cannot be read: there is no ${home.secret(name)}, and none was set for this host; ${remedy}`,
  );
}

async function readOfTeam(
  secret: { readonly team: string; readonly name: string },
  openStored: OpenStored,
): Promise<string> {
  const value = await openStored(secret);
  if (value !== null) return value;
  const { team, name } = secret;
  const remedy = `set it by ./vm-task secret set ${name} --team ${team}, or let the home share its own (--shared)`;
  throw new VmTaskError(
    'secret-unusable',
    `the secret "${name}" cannot be read: none was set for the team ${team} and this host; ${remedy}`,
  );
}
