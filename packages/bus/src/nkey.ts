/**
 * Keys as NATS writes them. The client's own are computed in JavaScript, a hundred times slower than by Node: half a minute
 * for the tokens of a home on a busy machine.
 */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { createAccount, createOperator, createUser, fromSeed, type KeyPair, Prefix } from '@nats-io/nkeys';
import { Codec } from '@nats-io/nkeys/lib/codec.js';

const kinds = { operator: createOperator, account: createAccount, user: createUser };

/** DER of PKCS #8 (RFC 8410), up to the 32 bytes of an Ed25519 key. */
const privateKeyHead = Buffer.from('302e020100300506032b657004220420', 'hex');

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
  const { prefix, buf } = Codec.decodeSeed(slow.getSeed());
  const key = createPrivateKey({ key: Buffer.concat([privateKeyHead, buf]), format: 'der', type: 'pkcs8' });
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  const raw = Buffer.from(x, 'base64url');
  const publicKey = new TextDecoder().decode(Codec.encode(prefix, raw));
  const privateKey = Codec.encode(Prefix.Private, Buffer.concat([buf, raw]));
  const quick = {
    getPublicKey: () => publicKey,
    // The client's library of tokens asks each signer for it, to see that it is no public key alone.
    getPrivateKey: () => privateKey,
    sign: (input: Uint8Array) => sign(null, input, key),
  };
  return Object.assign(Object.create(slow) as KeyPair, quick);
}
