/** Secrets as control sets, lists and removes them. What is stored of them is in `secret-entries.ts`. */
import { headers } from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type HostToken } from '@vm-task/shared/events';
import { secretProblem } from '@vm-task/shared/secret-value';
import type { z } from 'zod';
import { wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';
import { encryptFor } from './host-key.ts';
import {
  type Content,
  type Entry,
  encryptedSchema,
  entrySchema,
  jsonIn,
  ownerOf,
  parseKey,
  type SecretKey,
  secretsStream,
  subjectOf,
} from './secret-entries.ts';

export interface SecretSummary extends Omit<Entry, 'v'> {
  /** Those that have this version, with the public key that it is encrypted for. */
  readonly encryptedFor: readonly { readonly host: HostToken; readonly key: string }[];
}

export interface NewSecret extends SecretKey {
  readonly value: string;
  readonly shared?: boolean;
}

/** So many names of the home, and of each team: each is a few entries that are listed as a whole. */
const namesMax = 500;

/**
 * Returns once all hosts that have a key have it; what any host had before is gone then. When it fails half-way, `listSecrets`
 * says which hosts lack the version.
 * @param keys host → public key, or null for a host that is left out
 * @throws `invalid-secret`, `invalid-id`
 */
export async function storeSecret(
  connection: Connection,
  { name, team, value, shared = false }: NewSecret,
  keys: ReadonlyMap<HostToken, string | null>,
  now: Date,
): Promise<SecretSummary> {
  parseKey({ team, name });
  const problem = secretProblem(value);
  if (problem !== null) throw new VmTaskError('invalid-secret', `the value of "${name}" ${problem}`);
  const entry = await nextVersion(connection, { v: 1, name, team, shared, version: 0, setAt: now.toISOString() });
  const encryptedFor = [...keys].flatMap(([host, key]) => (key === null ? [] : [{ host, key }]));
  for (const { host, key } of encryptedFor) await storeBehind(connection, host, encrypted(entry, value, host, key));
  // Also of those that lack an older version: a slower setting of that one must not reach them behind this one.
  const has = new Set(encryptedFor.map(({ host }) => host));
  const known = (await readAll(connection, ['*', ...ownerOf(team), name])).map(({ host }) => host);
  for (const host of new Set([...keys.keys(), ...known])) {
    if (!has.has(host) && host !== anyHost) await storeBehind(connection, host, entry);
  }
  return { ...withoutV(entry), encryptedFor };
}

/** By owner and name. @param team whose; null: the home's; without it all. */
export async function listSecrets(connection: Connection, team?: string | null): Promise<SecretSummary[]> {
  const found = await readAll(connection, team === undefined ? ['>'] : ['*', ...ownerOf(team), '*']);
  const ofOne = Map.groupBy(found, ({ entry }) => [...ownerOf(entry.team), entry.name].join('.'));
  return [...ofOne.values()]
    .map((own) => {
      const newest = own.reduce((best, one) => (isNewer(one, best) ? one : best));
      const encryptedFor = own.flatMap(({ host, entry, key }) =>
        key === null || entry.version !== newest.entry.version ? [] : [{ host, key }],
      );
      return { ...withoutV(newest.entry), encryptedFor };
    })
    .sort((a, b) => compare(a.team ?? '', b.team ?? '') || compare(a.name, b.name));
}

/** False where there is none. Once it returns, no host has it; what runs already keeps what it was given. */
export async function removeSecret(connection: Connection, secret: SecretKey): Promise<boolean> {
  const { team, name } = parseKey(secret);
  const found = await readAll(connection, ['*', ...ownerOf(team), name]);
  // What says that there is one goes last: whoever dies in between does it again.
  const inOrder = found.toSorted((a, b) => Number(a.host === anyHost) - Number(b.host === anyHost));
  for (const { host } of inOrder) await remove(connection, subjectOf(host, secret));
  return found.length > 0;
}

/** Stores the entry of control with the version behind the newest. */
async function nextVersion(connection: Connection, draft: Entry): Promise<Entry> {
  const owner = ownerOf(draft.team);
  for (;;) {
    const [last, own, names] = await Promise.all([
      lastOf(connection, subjectOf(anyHost, draft)),
      readAll(connection, ['*', ...owner, draft.name]),
      subjectsOf(connection, [anyHost, ...owner, '*']),
    ]);
    if (own.length === 0 && names.length >= namesMax) throw tooMany();
    const version = Math.max(0, ...own.map(({ entry }) => entry.version)) + 1;
    const entry = { ...draft, version };
    if (await publishBehind(connection, subjectOf(anyHost, draft), entry, last?.seq ?? 0)) return entry;
  }
}

function encrypted(entry: Entry, value: string, host: HostToken, key: string): z.infer<typeof encryptedSchema> {
  const { team, name, shared, version } = entry;
  const content: Content = { host, team, name, shared, version, value };
  const { box, sender } = encryptFor(key, new TextEncoder().encode(JSON.stringify(content)));
  return { ...entry, key, sender, box: Buffer.from(box).toString('base64') };
}

/** In place of what the host has, unless that is a newer version, which somebody else has set meanwhile. */
async function storeBehind(connection: Connection, host: HostToken, entry: Entry): Promise<void> {
  const subject = subjectOf(host, entry);
  for (;;) {
    const last = await lastOf(connection, subject);
    const there = last === null ? null : entrySchema.safeParse(jsonIn(last.data)).data;
    if (there && there.version > entry.version) return;
    if (await publishBehind(connection, subject, entry, last?.seq ?? 0)) return;
  }
}

/** False where something else is the last message of the subject. */
async function publishBehind({ js }: Connection, subject: string, entry: Entry, seq: number): Promise<boolean> {
  try {
    await js.publish(subject, JSON.stringify(entry), { expect: { lastSubjectSequence: seq } });
    return true;
  } catch (error) {
    if (wasRefused(error)) return false;
    throw error;
  }
}

/** As the library's `purge` does: nothing of what was there is left. */
async function remove({ js }: Connection, subject: string): Promise<void> {
  const purge = headers();
  purge.set('KV-Operation', 'PURGE');
  purge.set('Nats-Rollup', 'sub');
  await js.publish(subject, '', { headers: purge });
}

interface Found {
  readonly host: HostToken;
  readonly entry: Entry;
  /** Null of control's own, and of a host that was left out. */
  readonly key: string | null;
}

/** What is there below `$KV.secrets`, as far as this version can read it. */
async function readAll(connection: Connection, below: readonly string[]): Promise<Found[]> {
  const subjects = await subjectsOf(connection, below);
  const found = await Promise.all(
    subjects.map(async (subject) => {
      const last = await lastOf(connection, subject);
      const json = last === null ? null : jsonIn(last.data);
      const entry = entrySchema.safeParse(json).data;
      const [, , host = ''] = subject.split('.');
      if (entry === undefined) return [];
      return [{ host, entry, key: encryptedSchema.safeParse(json).data?.key ?? null }];
    }),
  );
  return found.flat();
}

async function subjectsOf({ jsm }: Connection, below: readonly string[]): Promise<string[]> {
  const { state } = await jsm.streams.info(secretsStream, { subjects_filter: ['$KV.secrets', ...below].join('.') });
  return Object.keys(state.subjects ?? {});
}

function lastOf({ jsm }: Connection, subject: string) {
  return jsm.streams.getMessage(secretsStream, { last_by_subj: subject });
}

/** Control's own word counts where versions are equal. */
function isNewer(one: Found, other: Found): boolean {
  if (one.entry.version !== other.entry.version) return one.entry.version > other.entry.version;
  return one.host === anyHost;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function withoutV({ v: _v, ...entry }: Entry): Omit<Entry, 'v'> {
  return entry;
}

function tooMany(): VmTaskError {
  return new VmTaskError(
    'invalid-secret',
    `there are ${namesMax} secrets already; remove one: ./vm-task secret rm NAME`,
  );
}
