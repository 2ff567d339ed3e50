import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { lockFile } from './file-lock.ts';

const unstopped = new AbortController().signal;
const notWaiting = () => expect.unreachable('nobody else has it');

test('of two who want the lock, in one process too, the second waits for the first', async () => {
  await using folder = await makeTempFolder('lock');
  const path = join(folder.path, 'lock');
  const order: string[] = [];
  const first = await lockFile(path, notWaiting, unstopped);
  const waiting = Promise.withResolvers<void>();
  const second = lockFile(path, waiting.resolve, unstopped).then((lock) => {
    order.push('second');
    return lock;
  });
  await waiting.promise;
  order.push('first');
  await first[Symbol.asyncDispose]();
  await (await second)[Symbol.asyncDispose]();
  expect(order).toEqual(['first', 'second']);
});

test('a holder that was given the open file keeps the lock when its giver lets go, and loses it when it is killed', async () => {
  await using folder = await makeTempFolder('lock');
  const path = join(folder.path, 'lock');
  const lock = await lockFile(path, notWaiting, unstopped);
  const child = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
  await once(child, 'spawn');
  await lock[Symbol.asyncDispose]();
  const next = lockFile(path, () => child.kill('SIGKILL'), unstopped);
  await (await next)[Symbol.asyncDispose]();
  expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGKILL');
});

test('one who waits can be stopped, and the lock is free afterwards', async () => {
  await using folder = await makeTempFolder('lock');
  const path = join(folder.path, 'lock');
  const stop = new AbortController();
  {
    await using _held = await lockFile(path, notWaiting, unstopped);
    const waiter = lockFile(path, () => setImmediate(() => stop.abort(new Error('enough'))), stop.signal);
    await expect(waiter).rejects.toThrow('enough');
  }
  await using _free = await lockFile(path, notWaiting, unstopped);
});
