import { allRoutes, routes } from '@vm-task/api/api';
import { VmTaskError } from '@vm-task/shared/errors';
import { expect, test } from 'vitest';
import { asData } from './as-data.ts';
import { read } from './read.ts';
import { readerOf } from './reader-of.ts';

const pool = {
  name: 'gpu',
  driver: 'qemu',
  image: 'python',
  sizes: [{ cpus: 1, memoryMiB: 512, diskMiB: 4096 }],
  max: 4,
  warm: 1,
  tasks: { queued: 1, starting: 0, setup: 0, running: 2, retrying: 0, cancelling: 0, completed: 7 },
};
const { answer } = routes.pools.list;
const asItIsBundled = asData(answer) as typeof answer;
const readPools = (...pools: object[]) => {
  expect(readerOf(asItIsBundled)({ pools }, '')).toEqual(readerOf(answer)({ pools }, ''));
  return read(answer, { pools }, 'the pools');
};

test('every answer and every live event of the contract has a reader', () => {
  const schemas = allRoutes.flatMap(({ answer, live = {} }) => [answer ?? [], Object.values(live)].flat());
  expect(schemas.length).toBeGreaterThan(25);
  for (const schema of schemas) {
    readerOf(schema);
    readerOf(asData(schema) as typeof schema);
    expect(asData(asData(schema))).toEqual(asData(schema));
  }
});

test('an answer is given as it came', () => {
  expect(readPools(pool)).toEqual({ pools: [pool] });
});

test('a task is read as 0.2.0-rc.1 shows it, which does not know of its files', () => {
  const when = '2026-11-30T00:00:00.000Z';
  const shown = {
    ...{ id: 'x', status: 'queued', outcome: null, exitCode: null, result: null, error: null, pool: 'gpu' },
    ...{ image: 'python', vm: null, createdAt: when, completedAt: null, question: null, attempts: [], progress: null },
    timings: { queuedMs: null, vmReadyMs: null, setupMs: null, runMs: null, totalMs: null },
  };
  expect(read(routes.tasks.show.answer, shown, 'the task')).toEqual(shown);
});

test('what a newer server adds is left in place: members, words, sizes beyond every limit', () => {
  const sizes = [{ cpus: 4_096, memoryMiB: 1, diskMiB: 1, gpus: 2 }];
  const newer = { ...pool, driver: 'libvirt', sizes, hosts: ['a'], tasks: { ...pool.tasks, migrating: 1 } };
  expect(readPools(newer)).toEqual({ pools: [newer] });
  const summary = { error: { code: 'gpu-on-fire', message: 'it burns', since: 'today' }, status: 'migrating' };
  const task = { id: 'x', outcome: 'paused', exitCode: null, result: { any: [1] }, pool: 'gpu', image: 'python' };
  const page = { tasks: [{ ...task, ...summary, vm: null, createdAt: 'today', completedAt: null }], next: null };
  expect(read(routes.tasks.list.answer, page, 'the tasks')).toEqual(page);
});

test.each([
  ['a member that is missing', { ...pool, sizes: undefined }, /sizes/],
  ['a member of another type', { ...pool, max: '4' }, /pools\.0\.max/],
  ['a list that is none', { ...pool, sizes: {} }, /pools\.0\.sizes/],
  ['a count that is none', { ...pool, tasks: { ...pool.tasks, queued: null } }, /pools\.0\.tasks\.queued/],
])('%s is an error that says where', (_what, broken, where) => {
  const reading = () => readPools(pool, broken);
  expect(reading).toThrow(VmTaskError);
  expect(reading).toThrow(/^the pools cannot be read, perhaps because it is of another version: /);
  expect(() => readPools(broken)).toThrow(where);
});
