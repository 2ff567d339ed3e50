/** A fresh clone becomes a machine of its own (I12). */
import { createHash, randomBytes } from 'node:crypto';
import { VmTaskError } from '@vm-task/shared/errors';
import type { VmAccess } from '@vm-task/shared/vm-access';
import type { GuestConnection } from './connect.ts';
import { Exchange } from './exchange.ts';
import type { Frame } from './frames.ts';
import { generateSshKey, type SshKey } from './keys.ts';
import { identityProgram } from './supervisor.ts';
import { waitForSsh } from './wait-for-ssh.ts';

/** What a cold boot's random pool starts from, and twice what its cipher takes. */
const seedBytes = 64;
const provenRandomBytes = 64;
/** I12. */
const clockMaxOffsetMs = 1_000;

export interface Identity {
  /** 32 of 0-9 and a-f. */
  readonly machineId: string;
  readonly hostname: string;
  readonly hostKey: SshKey;
  /** The only key that gets in from now on. */
  readonly loginKey: SshKey;
}

/** What the guest itself said over a connection with the new host key pinned. */
export interface ProvenIdentity {
  readonly access: VmAccess;
  readonly machineId: string;
  readonly hostname: string;
  /** The guest's clock minus the host's, at most the time of one round trip off. */
  readonly clockOffsetMs: number;
  /** SHA-256 of 64 bytes that its random pool gave after reseeding, hexadecimal. */
  readonly randomSha256: string;
  readonly timings: IdentityTimings;
}

export interface IdentityTimings {
  readonly connectMs: number;
  readonly applyMs: number;
  readonly reconnectMs: number;
  readonly proveMs: number;
}

export interface IdentityOptions {
  /** The private key that the snapshot accepts. */
  readonly snapshotKey: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Unpredictable, and different from every other one: keys, machine-id. */
export function newIdentity(hostname: string): Identity {
  return {
    machineId: randomBytes(16).toString('hex'),
    hostname,
    hostKey: generateSshKey(),
    loginKey: generateSshKey(),
  };
}

/**
 * Gives the clone that answers at `access` (host key and login key of its snapshot) an identity of its own: clock,
 * random pool, host key, machine-id, host name, login key. Returns once it has proved all of it to a second
 * connection. @throws `identity-failed` with what did not hold; `ssh-unreachable`, `ssh-host-key-mismatch`,
 * `ssh-auth-failed`, `ssh-lost`; the signal's reason when aborted.
 */
export async function takeIdentity(
  access: VmAccess,
  identity: Identity,
  options: IdentityOptions,
): Promise<ProvenIdentity> {
  const deadline = performance.now() + options.timeoutMs;
  const { signal } = options;
  const left = () => Math.max(1, deadline - performance.now());
  const lap = stopwatch();
  let connectMs: number;
  let applyMs: number;
  {
    await using connection = await waitForSsh(access, { privateKey: options.snapshotKey, timeoutMs: left(), signal });
    connectMs = lap();
    await orIdentityFailed(apply(connection, identity, signal));
    applyMs = lap();
  }
  const own = { ...access, hostKey: identity.hostKey.publicKey };
  await using connection = await reconnect(own, identity, left(), signal);
  const reconnectMs = lap();
  const proof = await orIdentityFailed(prove(connection, signal));
  const timings = { connectMs, applyMs, reconnectMs, proveMs: lap() };
  checkProof(proof, identity);
  return {
    access: own,
    machineId: proof.machineId,
    hostname: proof.hostname,
    clockOffsetMs: proof.clockOffsetMs,
    randomSha256: createHash('sha256').update(proof.random).digest('hex'),
    timings,
  };
}

async function apply(connection: GuestConnection, identity: Identity, signal: AbortSignal): Promise<void> {
  using exchange = await Exchange.open(
    connection,
    identityProgram,
    [
      ['verb', 'takeidentity'],
      ['seed', randomBytes(seedBytes)],
      ['machineid', identity.machineId],
      ['hostname', identity.hostname],
      ['hostkey', identity.hostKey.privateKey],
      ['hostpublic', identity.hostKey.publicKey],
      ['loginkey', identity.loginKey.publicKey],
    ],
    signal,
  );
  expectFrame(await exchange.frame(), 'done');
  // Only now, so that the guest has nothing left to do between our clock and its own.
  const now = Date.now();
  exchange.send([['now', `${Math.floor(now / 1000)}.${String(now % 1000).padStart(3, '0')}000000`]]);
  expectFrame(await exchange.frame(), 'done');
}

async function reconnect(
  access: VmAccess,
  identity: Identity,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<GuestConnection> {
  try {
    return await waitForSsh(access, { privateKey: identity.loginKey.privateKey, timeoutMs, signal });
  } catch (error) {
    if (!(error instanceof VmTaskError)) throw error;
    throw failed(`it cannot be reached as itself: ${error.message}`, error);
  }
}

interface Proof {
  readonly machineId: string;
  readonly hostname: string;
  readonly loginKeys: string;
  readonly random: Buffer;
  readonly clockOffsetMs: number;
}

async function prove(connection: GuestConnection, signal: AbortSignal): Promise<Proof> {
  using exchange = await Exchange.open(connection, identityProgram, [['verb', 'prove']], signal);
  const random = expectFrame(await exchange.frame(), 'random');
  const machineId = expectFrame(await exchange.frame(), 'machineid')
    .toString()
    .trim();
  const hostname = expectFrame(await exchange.frame(), 'hostname')
    .toString()
    .trim();
  const loginKeys = expectFrame(await exchange.frame(), 'loginkeys')
    .toString()
    .trim();
  expectFrame(await exchange.frame(), 'done');
  const askedAt = Date.now();
  exchange.send([]);
  const guestMs = Number(expectFrame(await exchange.frame(), 'now').toString()) * 1000;
  const clockOffsetMs = Math.round(guestMs - (askedAt + Date.now()) / 2);
  return { machineId, hostname, loginKeys, random: Buffer.from(random), clockOffsetMs };
}

function checkProof(proof: Proof, identity: Identity): void {
  const wrong = (what: string, is: string, should: string) =>
    failed(`its ${what} is ${JSON.stringify(is.slice(0, 200))} and should be ${JSON.stringify(should)}`);
  if (proof.machineId !== identity.machineId) throw wrong('machine-id', proof.machineId, identity.machineId);
  if (proof.hostname !== identity.hostname) throw wrong('host name', proof.hostname, identity.hostname);
  if (proof.loginKeys !== identity.loginKey.publicKey) {
    throw wrong('list of accepted keys', proof.loginKeys, identity.loginKey.publicKey);
  }
  if (proof.random.length !== provenRandomBytes) {
    throw failed(`its random pool gave ${proof.random.length} bytes, not ${provenRandomBytes}`);
  }
  // The negation also catches what is no number.
  if (!(Math.abs(proof.clockOffsetMs) <= clockMaxOffsetMs)) {
    throw failed(`its clock is ${proof.clockOffsetMs} ms off and may be ${clockMaxOffsetMs}`);
  }
}

function expectFrame(frame: Frame, kind: string): Buffer {
  if (frame.kind === kind) return frame.bytes;
  throw failed(`it answered ${JSON.stringify(frame.kind)} where ${JSON.stringify(kind)} was expected`);
}

/** What the guest refused is told as what it means here. */
async function orIdentityFailed<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof VmTaskError && error.code === 'guest-failed') throw failed(error.message, error);
    throw error;
  }
}

function failed(what: string, cause?: Error): VmTaskError {
  const message = `the clone has no identity of its own: ${what}. It is not used; a new one is made`;
  return new VmTaskError('identity-failed', message, { cause });
}

/** Milliseconds since it was last asked. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const ms = Math.round(now - last);
    last = now;
    return ms;
  };
}
