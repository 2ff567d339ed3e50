import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { stopProcess } from './processes.ts';

test('a process that has ended stands still', async () => {
  const child = spawn('true', { stdio: 'ignore' });
  await once(child, 'exit');
  await expect(stopProcess(child.pid ?? 0)).resolves.toBeUndefined();
});
