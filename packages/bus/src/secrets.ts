/**
 * The bucket `secrets`. For each secret it has one entry of control, `any.<name>`, which says what there is, and one for each host that
 * was known when it was set, `<host>.<name>`, with the value encrypted for that host. A host may read its own entries and no
 * others; nobody but it can open them.
 */
import { headers } from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type HostToken } from '@vm-task/shared/events';
import { parseName } from '@vm-task/shared/ids';
import { secretProblem } from '@vm-task/shared/secret-value';
import { z } from 'zod';
import { wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';
import { encryptFor, type HostKey } from './host-key.ts';

const stream = 'KV_secrets';

function subjectOf(host: HostToken | '*', name: string): string {
  return `$KV.secrets.${host}.${name}`;
}

const entrySchema = z.object({
  v: z.literal(1),
  name: z.string(),
  /** Null: everybody's. */
  team: z.string().nullable(),
  /** From 1, higher at each setting. */
  version: z.int().min(1),
  setAt: z.iso.datetime(),
});
type Entry = z.infer<typeof entrySchema>;

const encryptedSchema = entrySchema.extend({
  /** The public key that it is encrypted for. */
  key: z.string(),
  sender: z.string(),
  box: z.base64(),
});

/** What is encrypted. It names its place, so that nobody puts it into another one. */
const contentSchema = z.object({ host: z.string(), name: z.string(), version: z.int(), value: z.string() });

export interface SecretSummary extends Omit<Entry, 'v'> {
  /** Those that have this version, with the public key that it is encrypted for. */
  readonly encryptedFor: readonly { readonly host: HostToken; readonly key: string }[];
}

export interface NewSecret {
  readonly name: string;
  readonly team: string | null;
  readonly value: string;
}

/** So many names: each is a few entries that are listed as a whole. */
const namesMax = 500;

/**
 * Returns once all those hosts have it; what they had before is gone then. When it fails half-way, `listSecrets` says which
 * hosts lack the version. @param keys host → public key
 * @throws `invalid-secret`, `invalid-id`
 */
export async function storeSecret(
  connection: Connection,
  { name, team, value }: NewSecret,
  keys: ReadonlyMap<HostToken, string>,
  now: Date,
): Promise<SecretSummary> {
  parseName('secret', name);
  const problem = secretProblem(value);
  if (problem !== null) throw new VmTaskError('invalid-secret', `the value of "${name}" ${problem}`);
  const entry = await nextVersion(connection, { v: 1, name, team, version: 0, setAt: now.toISOString() });
  for (const [host, key] of keys) await storeEncrypted(connection, entry, value, host, key);
  return { ...withoutV(entry), encryptedFor: [...keys].map(([host, key]) => ({ host, key })) };
}

/** By name. */
export async function listSecrets(connection: Connection): Promise<SecretSummary[]> {
  const found = await readAll(connection, '>');
  const names = [...new Set(found.map(({ entry }) => entry.name))].sort();
  return names.map((name) => {
    const own = found.filter(({ entry }) => entry.name === name);
    const newest = own.reduce((best, one) => (isNewer(one, best) ? one : best));
    const encryptedFor = own.flatMap(({ host, entry, key }) =>
      key === null || entry.version !== newest.entry.version ? [] : [{ host, key }],
    );
    return { ...withoutV(newest.entry), encryptedFor };
  });
}

/** False where there is none. Once it returns, no host has it; what runs already keeps what it was given. */
export async function removeSecret(connection: Connection, name: string): Promise<boolean> {
  parseName('secret', name);
  const found = await readAll(connection, `*.${name}`);
  // What says that there is one goes last: whoever dies in between does it again.
  const inOrder = found.toSorted((a, b) => Number(a.host === anyHost) - Number(b.host === anyHost));
  for (const { host } of inOrder) await remove(connection, subjectOf(host, name));
  return found.length > 0;
}

/**
 * The value of the secret that control has encrypted for this host; null where it has encrypted none.
 * @throws `secret-unusable` for one that cannot be opened.
 */
export async function openSecret(
  { jsm }: Connection,
  host: HostToken,
  name: string,
  key: HostKey | null,
): Promise<string | null> {
  // With the subject in the question, so that the broker can refuse those of others.
  const message = await jsm.direct.getMessage(stream, { last_by_subj: subjectOf(host, parseName('secret', name)) });
  if (message === null || message.data.length === 0) return null;
  const encrypted = encryptedSchema.safeParse(jsonIn(message.data));
  const opened = encrypted.success ? contentOf(encrypted.data, key) : null;
  if (opened !== null && opened.host === host && opened.name === name) return opened.value;
  throw new VmTaskError(
    'secret-unusable',
    `the secret "${name}" is not encrypted for the key that ${host} has now; set it again: ./vm-task secret set ${name}`,
  );
}

function contentOf({ box, sender }: z.infer<typeof encryptedSchema>, key: HostKey | null) {
  const opened = key?.open(Buffer.from(box, 'base64'), sender) ?? null;
  return opened === null ? null : (contentSchema.safeParse(jsonIn(opened)).data ?? null);
}

/** Stores the entry of control with the version behind the newest. */
async function nextVersion(connection: Connection, draft: Entry): Promise<Entry> {
  const subject = subjectOf(anyHost, draft.name);
  for (;;) {
    const [last, own, names] = await Promise.all([
      lastOf(connection, subject),
      readAll(connection, `*.${draft.name}`),
      subjectsOf(connection, `${anyHost}.*`),
    ]);
    if (own.length === 0 && names.length >= namesMax) throw tooMany();
    const version = Math.max(0, ...own.map(({ entry }) => entry.version)) + 1;
    const entry = { ...draft, version };
    if (await publishBehind(connection, subject, entry, last?.seq ?? 0)) return entry;
  }
}

/** Unless a newer version is there, which somebody else has set meanwhile. */
async function storeEncrypted(
  connection: Connection,
  entry: Entry,
  value: string,
  host: HostToken,
  key: string,
): Promise<void> {
  const subject = subjectOf(host, entry.name);
  const content = { host, name: entry.name, version: entry.version, value };
  const { box, sender } = encryptFor(key, new TextEncoder().encode(JSON.stringify(content)));
  const encrypted = { ...entry, key, sender, box: Buffer.from(box).toString('base64') };
  for (;;) {
    const last = await lastOf(connection, subject);
    const there = last === null ? null : entrySchema.safeParse(jsonIn(last.data)).data;
    if (there && there.version > entry.version) return;
    if (await publishBehind(connection, subject, encrypted, last?.seq ?? 0)) return;
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
  /** Null of control's own. */
  readonly key: string | null;
}

/** What is there below `$KV.secrets.`, as far as this version can read it. */
async function readAll(connection: Connection, below: string): Promise<Found[]> {
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

async function subjectsOf({ jsm }: Connection, below: string): Promise<string[]> {
  const { state } = await jsm.streams.info(stream, { subjects_filter: `$KV.secrets.${below}` });
  return Object.keys(state.subjects ?? {});
}

function lastOf({ jsm }: Connection, subject: string) {
  return jsm.streams.getMessage(stream, { last_by_subj: subject });
}

/** Null for what is no JSON, as the mark of a removal. */
function jsonIn(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return null;
  }
}

/** Control's own word counts where versions are equal. */
function isNewer(one: Found, other: Found): boolean {
  if (one.entry.version !== other.entry.version) return one.entry.version > other.entry.version;
  return one.host === anyHost;
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
