import type { IdempotencyEntry } from '@vm-task/bus/idempotency';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { config } from '../test/task-events.ts';
import { type Acceptance, acceptTask } from './accept-task.ts';

const { signal } = new AbortController();
const body = { run: 'echo hi' };

function setUp() {
  const events = memoryEvents();
  const keys = new Map<string, IdempotencyEntry>();
  let nowMs = 1_000_000;
  const deps: Acceptance = {
    config,
    bus: events,
    admission: { refusal: async () => null, requireRoom: async () => undefined },
    findCreated: events.findCreated,
    claimKey: async (key, wanted) => {
      const entry = keys.get(key) ?? wanted;
      keys.set(key, entry);
      return entry;
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
    claimKey: async (key, wanted) => {
      const entry = await deps.claimKey(key, wanted);
      claimed.push(entry.id);
      return entry;
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

test('without a key every request is a task of its own', async () => {
  const { events, deps } = setUp();
  const first = await acceptTask(deps, { body, key: null, requestId: 'r1' }, signal);
  const second = await acceptTask(deps, { body, key: null, requestId: 'r2' }, signal);
  expect(first.id).not.toBe(second.id);
  expect(events.stored).toHaveLength(2);
});
