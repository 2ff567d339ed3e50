/**
 * The embedded nats-server: its configuration, made anew at each start, and the credentials of its users, made at the
 * first. JSON is a subset of the server's configuration language, so nothing needs quoting by hand.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hostApiPrefix, isHostUser, type Scope } from '@vm-task/bus/accounts';
import type { BrokerAddress } from '@vm-task/bus/connection';
import { type BrokerUser, brokerUsers, credentialFile } from '@vm-task/bus/credentials';
import {
  type AccountTokens,
  accountIdOf,
  credsOf,
  type OperatorKeys,
  signAccounts,
  signUser,
} from '@vm-task/bus/operator';
import { maxPayloadBytes } from '@vm-task/bus/streams';
import { writePrivateFile } from '@vm-task/service/private-file';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { authorityFile, brokerCertificate, renewBrokerCertificate } from './home-certificates.ts';
import { keysFile, makeKeys, readKeys, readOperatorToken } from './operator-keys.ts';

/** More than all streams may have together: the disk is watched by intake, not by the broker. */
const maxFileBytes = 1024 ** 4;
const maxMemoryBytes = 256 * 1024 ** 2;

/** Where a broker is, and how it proves to be that one. */
export type BrokerPlace = Pick<BrokerAddress, 'servers' | 'tls'>;

export interface BrokerFiles {
  readonly config: string;
  readonly url: string;
}

/**
 * Writes the configuration and every user's credentials for a server on this port of the loopback, which does not run.
 *
 * @throws `invalid-config` where the streams are of an account that the home has no key of.
 */
export async function writeBrokerFiles(home: Home, scope: Scope, port: number): Promise<BrokerFiles> {
  mkdirSync(home.nats, { recursive: true, mode: 0o700 });
  mkdirSync(home.credentials, { recursive: true, mode: 0o700 });
  const url = `tls://127.0.0.1:${port}`;
  const place = { servers: [url], tls: { ca: authorityFile(home) } };
  await renewBrokerCertificate(home);
  requireKeysOfStreams(home);
  const keys = makeKeys(home, scope);
  await writeCredentials(home, keys, scope, place, 'known keys');
  // What it has learnt of accounts is what stands in its configuration, or older.
  rmSync(tokensFolder(home), { recursive: true, force: true });
  moveStreams(home, keys);
  return { config: await writeConfig(home, port, keys, await signAccounts(keys, scope)), url };
}

/** Of a server of the home's own. */
export function portOf({ servers: [url = ''] }: BrokerPlace): number {
  return Number(new URL(url).port);
}

/** What the server is given at its next start: also one that it makes by itself, after a crash. */
export async function writeConfig(
  home: Home,
  port: number,
  keys: OperatorKeys,
  tokens: AccountTokens,
): Promise<string> {
  const config = join(home.nats, 'nats.conf');
  const content = { ...ownSettings(home, port), ...(await operatorConfig(home, keys, tokens, tokensFolder(home))) };
  writePrivateFile(config, `${JSON.stringify(content, null, 2)}\n`);
  return config;
}

/** What a server has to know of the operator; in `folder` it keeps the accounts that it is given while it runs. */
export async function operatorConfig(home: Home, keys: OperatorKeys, tokens: AccountTokens, folder: string) {
  return {
    operator: await readOperatorToken(home, keys),
    system_account: tokens.systemAccount,
    // The only kind that takes tokens while it runs.
    resolver: { type: 'full', dir: folder, allow_delete: true },
    resolver_preload: tokens.accounts,
  };
}

/** Of every user: with the key that it has had, or with a new one. Whoever is connected logs in with it next. */
export async function writeCredentials(
  home: Home,
  keys: OperatorKeys,
  scope: Scope,
  { servers, tls }: BrokerPlace,
  as: 'known keys' | 'new keys',
): Promise<void> {
  for (const user of brokerUsers) {
    const prefix = isHostUser(user) ? { apiPrefix: hostApiPrefix } : {};
    const login = await signUser(keys, user, scope, as === 'known keys' ? seedBefore(home, user) : undefined);
    writePrivateFile(credentialFile(home, user), JSON.stringify({ servers, tls, user, ...prefix, ...login }));
    if (user === 'submit') writePrivateFile(submitCreds(home), credsOf(login));
  }
}

/** Of the one user that people have: with this file every NATS client submits. */
export function submitCreds(home: Home): string {
  return join(home.credentials, 'submit.creds');
}

function tokensFolder(home: Home): string {
  return join(home.nats, 'accounts');
}

function ownSettings(home: Home, port: number): object {
  return {
    host: '127.0.0.1',
    port,
    tls: {
      cert_file: brokerCertificate(home),
      key_file: brokerCertificate(home),
      min_version: '1.3',
      // In seconds: by default 2, which a service on a busy host does not always keep.
      timeout: 10,
    },
    max_payload: maxPayloadBytes,
    jetstream: {
      store_dir: storeFolder(home),
      max_memory_store: maxMemoryBytes,
      max_file_store: maxFileBytes,
      // An acknowledged message survives a power cut.
      sync_interval: 'always',
    },
  };
}

function storeFolder(home: Home): string {
  return join(home.nats, 'data');
}

/**
 * New keys would have an account of their own, and all that was stored would be out of sight.
 *
 * @throws `invalid-config` where the home has streams of its own and no keys
 */
export function requireKeysOfStreams(home: Home): void {
  if (readKeys(home) !== null) return;
  const accounts = join(storeFolder(home), 'jetstream');
  const signed = existsSync(accounts) ? readdirSync(accounts).filter((name) => /^A[A-Z2-7]{55}$/.test(name)) : [];
  if (signed.length === 0) return;
  const message = `${accounts}/${signed[0]} has this home's streams, and the key of their account is lost with ${keysFile(home)}: restore that from a backup, or move ${home.nats} away and begin anew`;
  throw new VmTaskError('invalid-config', message);
}

/** Releases before operator mode had the streams in a folder of their account's name; now that is its key. */
function moveStreams(home: Home, keys: OperatorKeys): void {
  const store = join(storeFolder(home), 'jetstream');
  const [before, now] = [join(store, 'MAIN'), join(store, accountIdOf(keys, 'MAIN'))];
  if (existsSync(before) && !existsSync(now)) renameSync(before, now);
}

/** The key that the user has had since the first start. */
function seedBefore(home: Home, user: BrokerUser): string | undefined {
  try {
    const { seed } = JSON.parse(readFileSync(credentialFile(home, user), 'utf8')) as { seed?: string };
    return seed;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}
