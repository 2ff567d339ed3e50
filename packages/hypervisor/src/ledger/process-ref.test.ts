import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { isRunning, startTicksOf, thisProcess } from './process-ref.ts';

test('a process is running until it has ended', async () => {
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  const pid = child.pid ?? 0;
  const ref = { pid, startTicks: startTicksOf(pid) ?? 0 };
  expect(isRunning(ref)).toBe(true);
  child.stdin.end();
  await once(child, 'exit');
  expect(isRunning(ref)).toBe(false);
});

test('the same number with another start is another process', () => {
  const self = thisProcess();
  expect(isRunning(self)).toBe(true);
  expect(isRunning({ ...self, startTicks: self.startTicks - 1 })).toBe(false);
});
