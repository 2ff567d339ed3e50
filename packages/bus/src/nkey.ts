/**
 * Keys as NATS writes them. The client's own are computed in JavaScript, a hundred times slower than by Node: half a minute
 * for the tokens of a home on a busy machine.
 */
import { createPrivateKey, sign } from 'node:crypto';
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys';
import { base32nopad } from '@scure/base';

const kinds = { operator: createOperator, account: createAccount, user: createUser };

/** DER of PKCS #8 (RFC 8410), up to the 32 bytes of an Ed25519 key. */
const privateKeyHead = Buffer.from('302e020100300506032b657004220420', 'hex');
/** In a seed, before the key: what it is, and of which kind. */
const seedHeadBytes = 2;

export function newSeed(kind: keyof typeof kinds): string {
  return new TextDecoder().decode(kinds[kind]().getSeed());
}

const known = new Map<string, KeyPair>();

/** @throws when it is no seed. */
export function pairOf(seed: string): KeyPair {
  const pair = known.get(seed) ?? makePair(seed);
  known.set(seed, pair);
  return pair;
}

function makePair(seed: string): KeyPair {
  const slow = fromSeed(new TextEncoder().encode(seed));
  const [publicKey, privateKey] = [slow.getPublicKey(), slow.getPrivateKey()];
  const raw = base32nopad.decode(seed).subarray(seedHeadBytes, seedHeadBytes + 32);
  const key = createPrivateKey({ key: Buffer.concat([privateKeyHead, raw]), format: 'der', type: 'pkcs8' });
  const quick = {
    getPublicKey: () => publicKey,
    getPrivateKey: () => privateKey,
    sign: (input: Uint8Array) => sign(null, input, key),
  };
  return Object.assign(Object.create(slow) as KeyPair, quick);
}
