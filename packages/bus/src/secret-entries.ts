/**
 * The bucket `secrets`. For each secret it has one entry of control, which says what there is, and one for each host that
 * was ever known when it was set: with the value encrypted for that host, or without it for a host that was left out. A host may
 * read its own entries and no others; nobody but it can open them.
 *
 * | subject below `$KV.secrets` | entry |
 * |---|---|
 * | `any.<name>`, `<host>.<name>` | a secret of the home |
 * | `any.<team>.<name>`, `<host>.<team>.<name>` | a secret of a team |
 *
 * Names have no dots, so no secret of one owner has the subject of another one's.
 */

import type { HostToken } from '@vm-task/shared/events';
import { parseName } from '@vm-task/shared/ids';
import { z } from 'zod';

export const secretsStream = 'KV_secrets';

export interface SecretKey {
  /** Null: the home's. */
  readonly team: string | null;
  readonly name: string;
}

export function subjectOf(host: HostToken | '*', { team, name }: SecretKey): string {
  return `$KV.secrets.${[host, ...ownerOf(team), name].join('.')}`;
}

/** The part of a subject that says whose it is. */
export function ownerOf(team: string | null): string[] {
  return team === null ? [] : [team];
}

export const entrySchema = z.object({
  v: z.literal(1),
  name: z.string(),
  /** Null: the home's. */
  team: z.string().nullable(),
  /** Of the home's: tasks of teams get it, too. */
  shared: z.boolean().default(false),
  /** From 1, higher at each setting. */
  version: z.int().min(1),
  setAt: z.iso.datetime(),
});
export type Entry = z.infer<typeof entrySchema>;

export const encryptedSchema = entrySchema.extend({
  /** The public key that it is encrypted for. */
  key: z.string(),
  sender: z.string(),
  box: z.base64(),
});

/** What is encrypted. It names its place, so that nobody puts it into another one. */
export const contentSchema = z.object({
  host: z.string(),
  team: z.string().nullable().default(null),
  name: z.string(),
  shared: z.boolean().default(false),
  version: z.int(),
  value: z.string(),
});
export type Content = z.infer<typeof contentSchema>;

/** @throws `invalid-id` */
export function parseKey(secret: SecretKey): SecretKey {
  if (secret.team !== null) parseName('team', secret.team);
  parseName('secret', secret.name);
  return secret;
}

/** Null for what is no JSON, as the mark of a removal. */
export function jsonIn(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return null;
  }
}
