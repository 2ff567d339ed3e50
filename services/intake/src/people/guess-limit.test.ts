import { expect, test } from 'vitest';
import { createGuessLimit } from './guess-limit.ts';

function limit() {
  let nowMs = 0;
  const guesses = createGuessLimit(() => nowMs);
  const wrong = (address: string, times: number) => {
    for (let n = 0; n < times; n++) guesses.wrong(address);
  };
  return { guesses, wrong, pass: (ms: number) => (nowMs += ms) };
}

test('the tenth wrong token of a minute closes the address for the rest of it, and no other address', () => {
  const { guesses, wrong, pass } = limit();
  wrong('192.0.2.1', 9);
  expect(guesses.retryAfterS('192.0.2.1')).toBe(0);
  pass(20_000);
  wrong('192.0.2.1', 1);
  expect(guesses.retryAfterS('192.0.2.1')).toBe(40);
  expect(guesses.retryAfterS('192.0.2.2')).toBe(0);
  pass(40_000);
  expect(guesses.retryAfterS('192.0.2.1')).toBe(0);
  wrong('192.0.2.1', 1);
  expect(guesses.retryAfterS('192.0.2.1')).toBe(0);
});

test('an IPv6 address stands for its network, and an IPv4 one is the same in both forms', () => {
  const { guesses, wrong } = limit();
  wrong('2001:db8:0:1::1', 5);
  wrong('2001:db8:0:1:2:3:4:5', 5);
  wrong('::ffff:192.0.2.1', 10);
  expect(['2001:db8:0:1::9', '192.0.2.1'].map((one) => guesses.retryAfterS(one))).toEqual([60, 60]);
  expect(['2001:db8:0:2::1', '::1', '::'].map((one) => guesses.retryAfterS(one))).toEqual([0, 0, 0]);
});

test('what is remembered is bounded: the oldest goes first', () => {
  const { guesses, wrong } = limit();
  wrong('192.0.2.1', 10);
  for (let n = 0; n < 1_000; n++) guesses.wrong(`10.0.${n >> 8}.${n & 255}`);
  expect(guesses.retryAfterS('192.0.2.1')).toBe(0);
});
