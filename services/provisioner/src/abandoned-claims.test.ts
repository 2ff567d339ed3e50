import { done } from '@vm-task/bus/outcome';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import { silentLogger } from '@vm-task/service/log';
import type { Head, Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { lookAtClaims, noClaims } from './abandoned-claims.ts';

const vm = newVmId(1);
const [first, second] = [newTaskId(1), newTaskId(2)];

const claimedBy = (task: TaskId, id = vm) =>
  ({ phase: 'claimed', record: { vm: id, pool: 'default' }, claim: { task, attempt: 1 } }) as unknown as VmState;
const waiting = (task: TaskId) =>
  ({ type: 'task.created', seq: 1, data: { task, pool: 'default' } }) as unknown as Stored<'task.created'>;
const running = (task: TaskId) => ({ type: 'vm.ready', seq: 2, data: { task } }) as unknown as Head;

/** A ledger and a stream that a test changes between two looks; `provided` are the tasks that were provided for. */
function situation() {
  const now = { vms: [] as VmState[], heads: new Map<TaskId, Head>() };
  const provided: TaskId[] = [];
  const asked: TaskId[] = [];
  const look = lookAtClaims.bind(null, {
    pool: 'default',
    bus: {
      head: async (key) => {
        if (!('task' in key)) throw new Error('a claim is of a task');
        asked.push(key.task);
        return now.heads.get(key.task) ?? null;
      },
      append: () => Promise.reject(new Error('nothing is appended here')),
    },
    hypervisor: { list: async () => now.vms },
    findCreated: async () => null,
    provide: async ({ created }) => {
      provided.push(created.data.task);
      return done();
    },
    log: silentLogger,
    stop: new AbortController().signal,
    abort: new AbortController().signal,
  });
  return { now, provided, asked, look };
}

test('a claim that two looks find unreported is reported', async () => {
  const { now, provided, look } = situation();
  now.vms = [claimedBy(first)];
  now.heads.set(first, waiting(first));
  const once = await look(noClaims);
  expect(provided).toEqual([]);
  await look(once);
  expect(provided).toEqual([first]);
});

test('the second claim of a kept VM is reported though the first one was long ago', async () => {
  const { now, provided, look } = situation();
  now.vms = [claimedBy(first)];
  now.heads.set(first, running(first));
  let seen = await look(noClaims);
  now.vms = [claimedBy(second)];
  now.heads.set(second, waiting(second));
  seen = await look(seen);
  expect(provided).toEqual([]);
  await look(seen);
  expect(provided).toEqual([second]);
});

test('a second claim has its own two looks, whatever the first one had', async () => {
  const { now, provided, look } = situation();
  now.vms = [claimedBy(first)];
  now.heads.set(first, waiting(first));
  const seen = await look(noClaims);
  now.vms = [claimedBy(second)];
  now.heads.set(second, waiting(second));
  await look(seen);
  expect(provided).toEqual([]);
});

test('the stream is asked once for a claim that was reported, and nothing is remembered of one that has gone', async () => {
  const { now, asked, look } = situation();
  now.vms = [claimedBy(first)];
  now.heads.set(first, running(first));
  const seen = await look(await look(noClaims));
  expect(asked).toEqual([first]);
  now.vms = [];
  expect(await look(seen)).toEqual(noClaims);
});

test('one claim whose task cannot be read holds up no other', async () => {
  const { now, provided, look } = situation();
  const other = newVmId(2);
  now.vms = [claimedBy(first), claimedBy(second, other)];
  now.heads.set(second, waiting(second));
  Object.defineProperty(now.heads, 'get', {
    value: (task: TaskId) => {
      if (task === first) throw new Error('that head cannot be read');
      return waiting(second);
    },
  });
  await look(await look(noClaims));
  expect(provided).toEqual([second]);
});
