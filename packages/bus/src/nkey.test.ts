import { fromPublic, fromSeed } from '@nats-io/nkeys';
import { expect, it } from 'vitest';
import { newSeed, pairOf } from './nkey.ts';

it.each(['operator', 'account', 'user'] as const)('signs as the key of a %s that the client computes', (kind) => {
  const seed = newSeed(kind);
  const pair = pairOf(seed);
  const text = new TextEncoder().encode('any text');
  const theirs = fromSeed(new TextEncoder().encode(seed));
  expect(pair.getPublicKey()).toBe(theirs.getPublicKey());
  expect(Buffer.from(pair.getPrivateKey())).toEqual(Buffer.from(theirs.getPrivateKey()));
  expect(Buffer.from(pair.sign(text))).toEqual(Buffer.from(theirs.sign(text)));
  expect(fromPublic(pair.getPublicKey()).verify(text, pair.sign(text))).toBe(true);
});

it('refuses what is no seed', () => {
  expect(() => pairOf('SUxxxx')).toThrow();
});
