import type { IdempotencyEntry } from '@vm-task/bus/idempotency';
import { VmTaskError } from '@vm-task/shared/errors';
import type { PipelineId, TaskId, VmId } from '@vm-task/shared/ids';
import { newPipelineId, newTaskId } from '@vm-task/shared/new-ids';
import { created } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { config } from '../test/task-events.ts';
import { type Acceptance, acceptAgain, acceptTask } from './accept-task.ts';
import { noQuotas } from './quotas.ts';

const { signal } = new AbortController();
const body = { run: 'echo hi' };

function setUp() {
  const events = memoryEvents();
  const keys = new Map<string, IdempotencyEntry<TaskId | PipelineId>>();
  let nowMs = 1_000_000;
  const deps: Acceptance = {
    config,
    bus: events,
    admission: { requireRoom: async () => undefined },
    quotas: noQuotas,
    findCreated: events.findCreated,
    keys: {
      find: async (key) => (keys.get(key) ?? null) as never,
      claim: async (key, wanted) => {
        const entry = keys.get(key) ?? wanted;
        keys.set(key, entry);
        return entry as never;
      },
    },
    // Every request comes later than the one before.
    now: () => nowMs++,
  };
  return { events, deps };
}

test('the same request with one key is one task; with another body it is a conflict', async () => {
  const { events, deps } = setUp();
  const first = await acceptTask(deps, { body, key: 'k', requestId: 'r1' }, signal);
  expect(await acceptTask(deps, { body, key: 'k', requestId: 'r2' }, signal)).toEqual(first);
  await expect(acceptTask(deps, { body: { run: 'echo ho' }, key: 'k', requestId: 'r3' }, signal)).rejects.toMatchObject(
    {
      code: 'idempotency-conflict',
    },
  );
  expect(events.stored).toHaveLength(1);
});

test('a crash between the key and the task leads to the same task', async () => {
  const { events, deps } = setUp();
  const crashing = {
    ...deps,
    bus: {
      append: async () => {
        throw new Error('killed');
      },
    },
  };
  const claimed: string[] = [];
  const noting = (acceptance: Acceptance): Acceptance => ({
    ...acceptance,
    keys: {
      ...deps.keys,
      claim: async (key, wanted) => {
        const entry = await deps.keys.claim(key, wanted);
        claimed.push(entry.id);
        return entry;
      },
    },
  });
  await expect(acceptTask(noting(crashing), { body, key: 'k', requestId: 'r1' }, signal)).rejects.toThrow('killed');
  const { id } = await acceptTask(noting(deps), { body, key: 'k', requestId: 'r2' }, signal);
  expect(claimed).toEqual([id, id]);
  expect(events.stored).toHaveLength(1);
});

test('a repeated key finds its task in the pool of then, although the default is another one now', async () => {
  const { events, deps } = setUp();
  const first = await acceptTask(deps, { body, key: 'k', requestId: 'r1' }, signal);
  const [pool] = Object.values(config.pools);
  if (pool === undefined) throw new Error('no pool');
  const changed = { ...deps, config: { ...config, defaultPool: 'other', pools: { other: pool } } };
  expect(await acceptTask(changed, { body, key: 'k', requestId: 'r2' }, signal)).toEqual(first);
  expect(events.stored).toHaveLength(1);
});

test('the order of keys is no part of what is asked for', async () => {
  const { events, deps } = setUp();
  const first = { run: 'true', labels: { a: '1', b: '2' } };
  const second = { labels: { b: '2', a: '1' }, run: 'true' };
  const { id } = await acceptTask(deps, { body: first, key: 'k', requestId: 'r1' }, signal);
  expect((await acceptTask(deps, { body: second, key: 'k', requestId: 'r2' }, signal)).id).toBe(id);
  const [one, other] = [{ command: ['a', 'b'] }, { command: ['b', 'a'] }];
  await acceptTask(deps, { body: one, key: 'l', requestId: 'r3' }, signal);
  const conflict = { code: 'idempotency-conflict' };
  await expect(acceptTask(deps, { body: other, key: 'l', requestId: 'r4' }, signal)).rejects.toMatchObject(conflict);
  expect(events.stored).toHaveLength(2);
});

test('what was accepted with a key is found by it when nothing more is accepted', async () => {
  const { deps } = setUp();
  const first = await acceptTask(deps, { body, key: 'k', requestId: 'r1' }, signal);
  const full = {
    ...deps,
    admission: { ...deps.admission, requireRoom: async () => Promise.reject(new VmTaskError('stream-full', 'full')) },
  };
  expect(await acceptTask(full, { body, key: 'k', requestId: 'r2' }, signal)).toEqual(first);
  const other = { body: { run: 'echo ho' }, key: 'k', requestId: 'r3' };
  await expect(acceptTask(full, other, signal)).rejects.toMatchObject({ code: 'idempotency-conflict' });
  const fresh = { body, key: 'l', requestId: 'r4' };
  await expect(acceptTask(full, fresh, signal)).rejects.toMatchObject({ code: 'stream-full' });
  const without = { ...deps, config: { ...config, pools: {} } };
  expect(await acceptTask(without, { body, key: 'k', requestId: 'r5' }, signal)).toEqual(first);
});

test('a task that went on in the VM of an earlier stage is not done again in another one', async () => {
  const { events, deps } = setUp();
  const [task, earlier, vm] = [newTaskId(1), newTaskId(1), 'vm-0'];
  const { data } = created(task);
  const leftVm = { vm: vm as VmId, host: 'host-1', task: earlier, stage: 'build' };
  const stage = { pipeline: newPipelineId(1), stage: 'test', index: 0, run: 1 };
  const before = events.put(created(task, { spec: { ...data.spec, leftVm }, stage }));
  await expect(acceptAgain(deps, before, { key: null }, signal)).rejects.toMatchObject({
    code: 'left-vm-gone',
    message: `task ${task} went on in the VM that the stage "build" left, which is gone; ./vm-task pipeline resume ${stage.pipeline} does both again, when the pipeline has failed`,
  });
  expect(events.stored).toHaveLength(1);
});

test('without a key every request is a task of its own', async () => {
  const { events, deps } = setUp();
  const first = await acceptTask(deps, { body, key: null, requestId: 'r1' }, signal);
  const second = await acceptTask(deps, { body, key: null, requestId: 'r2' }, signal);
  expect(first.id).not.toBe(second.id);
  expect(events.stored).toHaveLength(2);
});
