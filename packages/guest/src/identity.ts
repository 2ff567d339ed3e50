/** A fresh clone becomes a machine of its own (I12). */
import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { VmTaskError } from '@vm-task/shared/errors';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { bare, withBytes } from './frames.ts';
import { generateSshKey, type SshKey } from './keys.ts';
import { PortTalk } from './port-talk.ts';

/** What a cold boot's random pool starts from, and twice what its cipher takes. */
const seedBytes = 64;
const provenRandomBytes = 64;
/** More than any of what a clone is asked for has. */
const proof = withBytes(4_096);
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
  readonly applyMs: number;
  readonly proveMs: number;
}

export interface IdentityOptions {
  /** The snapshot's login: address and user stay, its host key goes. */
  readonly access: VmAccess;
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
 * Gives a clone an identity of its own over its identity port: clock, random pool, host key, machine-id, host name, login
 * key. Returns once it has proved all of it there; that its SSH has the new keys is seen by each login, which has the host
 * key pinned. What waits at the other end was frozen before any task, and takes one identity.
 * @throws `identity-failed` with what did not hold; the signal's reason when aborted.
 */
export async function takeIdentity(
  port: Duplex,
  identity: Identity,
  { access, timeoutMs, signal }: IdentityOptions,
): Promise<ProvenIdentity> {
  const lap = stopwatch();
  using talk = new PortTalk(port, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
  try {
    await apply(talk, identity);
    const applyMs = lap();
    const proven = await prove(talk);
    checkProof(proven, identity);
    return {
      access: { ...access, hostKey: identity.hostKey.publicKey },
      machineId: proven.machineId,
      hostname: proven.hostname,
      clockOffsetMs: proven.clockOffsetMs,
      randomSha256: createHash('sha256').update(proven.random).digest('hex'),
      timings: { applyMs, proveMs: lap() },
    };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VmTaskError && error.code === 'identity-failed') throw error;
    throw failed((error as Error).message, error as Error);
  }
}

async function apply(talk: PortTalk, identity: Identity): Promise<void> {
  talk.send([
    ['seed', randomBytes(seedBytes)],
    ['machineid', identity.machineId],
    ['hostname', identity.hostname],
    ['hostkey', identity.hostKey.privateKey],
    ['hostpublic', identity.hostKey.publicKey],
    ['loginkey', identity.loginKey.publicKey],
  ]);
  await talk.frame({ done: bare });
  // Only now, so that the guest has nothing left to do between our clock and its own.
  const now = Date.now();
  talk.send([['now', `${Math.floor(now / 1000)}.${String(now % 1000).padStart(3, '0')}000000`]]);
}

interface Proof {
  readonly machineId: string;
  readonly hostname: string;
  readonly loginKeys: string;
  readonly random: Buffer;
  readonly clockOffsetMs: number;
}

async function prove(talk: PortTalk): Promise<Proof> {
  const text = async (kind: string) => (await talk.frame({ [kind]: proof })).bytes.toString().trim();
  const random = (await talk.frame({ random: proof })).bytes;
  const machineId = await text('machineid');
  const hostname = await text('hostname');
  const loginKeys = await text('loginkeys');
  await talk.frame({ done: bare });
  const askedAt = Date.now();
  talk.send([]);
  const guestMs = Number(await text('now')) * 1000;
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
