/**
 * The accounts of `accounts.ts` as NATS's own signed tokens: an operator signs accounts, and in each account a key for
 * each role signs its users, which have the rights of that role and no others. What one account exports to another it
 * exports to whoever has an activation, signed by itself. A server needs nothing but these tokens, so one that somebody
 * else runs takes them, too, and what is signed anew or revoked holds without a restart.
 */
import {
  type Account,
  decode,
  type Export,
  encodeAccount,
  encodeActivation,
  encodeOperator,
  encodeUser,
  fmtCreds,
  type Import,
  newScopedSigner,
  type Operator,
  type UserPermissionsLimits,
} from '@nats-io/jwt';
import type { KeyPair } from '@nats-io/nkeys';
import {
  accountNameOf,
  accountsFor,
  type ExportedService,
  type ImportedService,
  permissionsOf,
  type Scope,
} from './accounts.ts';
import type { Login } from './connection.ts';
import { type BrokerUser, brokerUsers } from './credentials.ts';
import { newSeed, pairOf } from './nkey.ts';

/** Seeds, which nobody but the home's owner may read. */
export interface OperatorKeys {
  readonly operator: string;
  /** By the account's name. */
  readonly accounts: Readonly<Record<string, string>>;
  /** Of the keys that sign a role's users: the first one signs, and users of the others are still let in. */
  readonly signers: Readonly<Record<string, readonly string[]>>;
}

/** What a server is given beside the operator's own. */
export interface AccountTokens {
  /** Its public key. */
  readonly systemAccount: string;
  /** By public key. */
  readonly accounts: Readonly<Record<string, string>>;
}

/** Stated, because what an account does not state is none. */
const noLimits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: 0 };
const streamLimits = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** One answer to each question, as the server's own default has it. */
const responses = { max: 1, ttl: 120_000_000_000 };

export const systemAccount = 'SYS';

/** Those of `known`, and new ones for what it lacks. */
export function completeKeys(known: OperatorKeys | null, scope: Scope): OperatorKeys {
  const accounts = Object.keys(accountsFor([], scope));
  const named = accounts.map((name) => [name, known?.accounts[name] ?? newSeed('account')] as const);
  const signers = brokerUsers.map((user) => [user, known?.signers[user] ?? [newSeed('account')]] as const);
  return {
    operator: known?.operator ?? newSeed('operator'),
    accounts: { ...known?.accounts, ...Object.fromEntries(named) },
    signers: { ...known?.signers, ...Object.fromEntries(signers) },
  };
}

/** Each role gets one more key, which signs from now on. */
export function newSigners(keys: OperatorKeys): OperatorKeys {
  return withSigners(keys, (before) => [newSeed('account'), ...before]);
}

/** Whom an older key has signed is no longer let in. */
export function withoutOldSigners(keys: OperatorKeys): OperatorKeys {
  return withSigners(keys, (before) => before.slice(0, 1));
}

function withSigners(keys: OperatorKeys, next: (before: readonly string[]) => readonly string[]): OperatorKeys {
  const signers = Object.entries(keys.signers).map(([role, before]) => [role, next(before)] as const);
  return { ...keys, signers: Object.fromEntries(signers) };
}

/** As the server names them. */
export function signerIdsOf({ signers }: OperatorKeys): ReadonlySet<string> {
  return new Set(Object.values(signers).flatMap((seeds) => seeds.map((seed) => pairOf(seed).getPublicKey())));
}

/** The operator's own token. */
export async function signOperator(keys: OperatorKeys): Promise<string> {
  return encodeOperator('vm-task', pairOf(keys.operator), { system_account: accountIdOf(keys, systemAccount) });
}

/** True for what `signOperator` has made of these keys at some time. */
export function isOperatorToken(token: string, keys: OperatorKeys): boolean {
  try {
    const { sub, nats } = decode<Operator>(token);
    return sub === pairOf(keys.operator).getPublicKey() && nats.system_account === accountIdOf(keys, systemAccount);
  } catch {
    return false;
  }
}

export async function signAccounts(keys: OperatorKeys, scope: Scope): Promise<AccountTokens> {
  const operator = pairOf(keys.operator);
  const accounts = accountsFor([], scope);
  const signed = Object.entries(accounts).map(async ([name, { exports = [], imports = [], jetstream }]) => {
    const users = brokerUsers.filter((user) => accountNameOf(user, scope) === name);
    const claims: Partial<Account> = {
      limits: { ...noLimits, ...(jetstream === undefined ? {} : streamLimits) },
      exports: exports.map(exportOf),
      imports: await Promise.all(imports.map((one) => importOf(name, one, keys))),
      signing_keys: users.flatMap((user) => signersOf(user, keys, scope)),
    };
    const pair = accountKey(keys, name);
    return [pair.getPublicKey(), await encodeAccount(name, pair, claims, { signer: operator })] as const;
  });
  return {
    systemAccount: accountIdOf(keys, systemAccount),
    accounts: Object.fromEntries(await Promise.all(signed)),
  };
}

/** A login of its own for this user, signed by the newest key of its role. */
export async function signUser(
  keys: OperatorKeys,
  user: BrokerUser,
  scope: Scope,
  seed = newSeed('user'),
): Promise<Login> {
  const [signer] = keys.signers[user] ?? [];
  if (signer === undefined) throw new Error(`no key signs users of ${user}`);
  const account = accountKey(keys, accountNameOf(user, scope));
  const jwt = await encodeUser(user, pairOf(seed), account, {}, { signer: pairOf(signer), scopedUser: true });
  return { jwt, seed };
}

/** As a file that every NATS client takes. */
export function credsOf({ jwt, seed }: Login): string {
  return new TextDecoder().decode(fmtCreds(jwt, pairOf(seed)));
}

/** A login that may do everything in an account: for the owner of the keys alone. */
export async function signOwner(keys: OperatorKeys, account: string): Promise<Login> {
  const seed = newSeed('user');
  return { jwt: await encodeUser('vm-task', pairOf(seed), accountKey(keys, account)), seed };
}

function signersOf(user: BrokerUser, keys: OperatorKeys, scope: Scope) {
  const { publish, subscribe, allow_responses: mayAnswer } = permissionsOf(user, scope);
  const rights: Partial<UserPermissionsLimits> = {
    pub: { allow: [...publish], deny: [] },
    sub: { allow: [...subscribe], deny: [] },
    ...(mayAnswer === true ? { resp: responses } : {}),
  };
  return (keys.signers[user] ?? []).map((seed) => newScopedSigner(pairOf(seed), user, rights));
}

function exportOf({ service, response_type: answers }: ExportedService): Export {
  return {
    name: service,
    subject: service,
    type: 'service',
    token_req: true,
    response_type: answers === 'stream' ? 'Stream' : 'Singleton',
  };
}

async function importOf(importer: string, { service, to }: ImportedService, keys: OperatorKeys): Promise<Import> {
  const { subject, account } = service;
  const exporter = accountKey(keys, account);
  const token = await encodeActivation(subject, accountKey(keys, importer).getPublicKey(), exporter, 'service', {
    subject,
  });
  return {
    name: subject,
    subject,
    type: 'service',
    account: exporter.getPublicKey(),
    token,
    ...(to === subject ? {} : { local_subject: to }),
  };
}

/** How the server names the account, in its store, too. */
export function accountIdOf(keys: OperatorKeys, name: string): string {
  return accountKey(keys, name).getPublicKey();
}

function accountKey({ accounts }: OperatorKeys, name: string): KeyPair {
  const seed = accounts[name];
  if (seed === undefined) throw new Error(`account ${name} has no key`);
  return pairOf(seed);
}
