import { expect, test } from 'vitest';
import { type Signs, watchMoves } from './moves.ts';

const seconds = 1_000;

/** Looks once a second for so long; says for how many seconds nothing has moved then. */
function stillAfter(ms: number, signsAt: (second: number) => Signs): number {
  const stillMs = watchMoves();
  let still = 0;
  for (let at = 0; at <= ms; at += seconds) still = stillMs(signsAt(at / seconds), at);
  return still / seconds;
}

const signs = (steps: string, ...cpu: [number, number][]): Signs => ({ steps, cpuSeconds: new Map(cpu) });

test('a start in which a server reads for an hour gets on all the while', () => {
  expect(stillAfter(3_600 * seconds, (second) => signs('starting', [7, second * 0.1]))).toBeLessThan(10);
});

test('one in which everybody waits stands still, though waiting takes some of the processor', () => {
  expect(stillAfter(200 * seconds, (second) => signs('starting', [7, second * 0.01]))).toBe(200);
});

test('one in which a process ends and is started again stands still, however busy each is', () => {
  expect(stillAfter(200 * seconds, (second) => signs('starting', [second, 0.9]))).toBe(200);
});

test('whatever has become ready is a step', () => {
  expect(stillAfter(200 * seconds, (second) => signs(second < 150 ? 'intake' : 'intake reaper'))).toBe(50);
});
