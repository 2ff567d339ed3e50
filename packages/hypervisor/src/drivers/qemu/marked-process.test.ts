import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { homeAt } from '@vm-task/shared/home';
import { newVmId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { endProcess } from '../../host/end-process.ts';
import { mark, markedProcesses } from './marked-process.ts';

/** Something that ends when it is disposed of, with `words` on its command line. */
async function lendProcess(words: readonly string[]) {
  // Nothing that the shell would fork for: until its exec, the fork has the same command line.
  const child = spawn('sh', ['-c', 'echo started; read -r line', 'sh', ...words], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}

test('a process is found by the folder of its VM, also when the path has a comma', async () => {
  const home = homeAt('/somewhere/a, b');
  const vm = newVmId(Date.now());
  await using marked = await lendProcess(['-name', mark(home, vm), '-m', '16']);
  expect(markedProcesses(home)).toMatchObject([{ pid: marked.pid, vm }]);
});

test('a process of another home, of no VM or with the path elsewhere is not ours', async () => {
  const home = homeAt('/somewhere');
  const vm = newVmId(Date.now());
  await using _other = await lendProcess(['-name', mark(homeAt('/elsewhere'), vm)]);
  await using _longer = await lendProcess(['-name', `${mark(home, vm)}/run`]);
  await using _foreign = await lendProcess(['-name', '/somewhere/vms/mine']);
  await using _unnamed = await lendProcess([mark(home, vm)]);
  expect(markedProcesses(home)).toEqual([]);
});

test('a process that ignores signals, or is stopped, ends', async () => {
  const home = homeAt('/somewhere');
  const vm = newVmId(Date.now());
  await using marked = await lendProcess(['-name', mark(home, vm)]);
  process.kill(marked.pid ?? 0, 'SIGSTOP');
  const [found] = markedProcesses(home);
  expect(found && (await endProcess(found))).toEqual([]);
  expect(markedProcesses(home)).toEqual([]);
  expect(found && (await endProcess(found))).toEqual([]);
});
