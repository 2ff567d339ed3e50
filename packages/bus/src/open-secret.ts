/** Reading a secret on the host that it was encrypted for. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { HostToken } from '@vm-task/shared/events';
import type { z } from 'zod';
import type { Connection } from './connection.ts';
import type { HostKey } from './host-key.ts';
import {
  type Content,
  contentSchema,
  type Entry,
  encryptedSchema,
  entrySchema,
  jsonIn,
  parseKey,
  type SecretKey,
  secretsStream,
  subjectOf,
} from './secret-entries.ts';

/**
 * The value that a task of the team (null: of none) gets on this host: the team's own, else one of the home's that is shared. Null
 * where nobody has set one for it.
 * @throws `secret-unusable` for one that cannot be opened.
 */
export async function openSecret(
  connection: Connection,
  host: HostToken,
  secret: SecretKey,
  key: HostKey | null,
): Promise<string | null> {
  parseKey(secret);
  const own = await openOne(connection, host, secret, key, () => true);
  if (own !== null || secret.team === null) return own;
  return openOne(connection, host, { ...secret, team: null }, key, ({ shared }) => shared);
}

/** Null for one that is not there, or is not wanted. */
async function openOne(
  { jsm }: Connection,
  host: HostToken,
  secret: SecretKey,
  key: HostKey | null,
  isWanted: (entry: Pick<Entry, 'shared'>) => boolean,
): Promise<string | null> {
  // With the subject in the question, so that the broker can refuse those of others.
  const message = await jsm.direct.getMessage(secretsStream, { last_by_subj: subjectOf(host, secret) });
  if (message === null || message.data.length === 0) return null;
  const json = jsonIn(message.data);
  const entry = entrySchema.safeParse(json).data;
  if (entry !== undefined && !isWanted(entry)) return null;
  const box = encryptedSchema.safeParse(json).data;
  const opened = box === undefined ? null : contentOf(box, key);
  if (opened !== null && isFor(opened, host, secret) && isWanted(opened)) return opened.value;
  const why =
    entry !== undefined && box === undefined
      ? `was set while ${host} was not there or had no key, so it has no value of it`
      : `is not encrypted for the key that ${host} has now`;
  const command = `${commandFor(secret)}${entry?.shared === true ? ' --shared' : ''}`;
  throw new VmTaskError('secret-unusable', `the secret "${secret.name}" ${why}; set it again: ${command}`);
}

function isFor({ host, team, name }: Content, wantedHost: HostToken, wanted: SecretKey): boolean {
  return host === wantedHost && team === wanted.team && name === wanted.name;
}

function commandFor({ team, name }: SecretKey): string {
  return `./vm-task secret set ${name}${team === null ? '' : ` --team ${team}`}`;
}

function contentOf({ box, sender }: z.infer<typeof encryptedSchema>, key: HostKey | null) {
  const opened = key?.open(Buffer.from(box, 'base64'), sender) ?? null;
  return opened === null ? null : (contentSchema.safeParse(jsonIn(opened)).data ?? null);
}
