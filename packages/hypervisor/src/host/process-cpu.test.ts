import { expect, test } from 'vitest';
import { cpuSecondsOf, cpuSecondsOfTree } from './process-cpu.ts';

test('a process with all below it has used at least what it has used itself; one that has gone, nothing', () => {
  const own = cpuSecondsOf(process.pid);
  expect(own).toBeGreaterThan(0);
  expect(cpuSecondsOfTree(process.pid)).toBeGreaterThanOrEqual(own);
  expect(cpuSecondsOfTree(2 ** 22 - 1)).toBe(0);
});
