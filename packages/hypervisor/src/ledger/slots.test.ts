import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { homeAt } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { newVmId } from '@vm-task/shared/new-ids';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { freeSlot, freeSlots, takenSlots, takeSlots } from './slots.ts';

const aVm = () => newVmId(Date.now());

async function lendHome() {
  const folder = await makeTempFolder('slots');
  const home = homeAt(folder.path);
  await mkdir(home.slots);
  const take = (vm: VmId, pool: string, poolMax: number, hostMax: number) =>
    takeSlots(home, vm, pool, { poolMax, hostMax });
  return { home, take, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

test('a pool has as many slots as it may have VMs', async () => {
  await using lent = await lendHome();
  expect(await lent.take(aVm(), 'a', 2, 9)).toEqual({ kind: 'taken', slots: { pool: 0, host: 0 } });
  expect(await lent.take(aVm(), 'a', 2, 9)).toEqual({ kind: 'taken', slots: { pool: 1, host: 1 } });
  expect(await lent.take(aVm(), 'a', 2, 9)).toEqual({ kind: 'full', limit: 'pool', max: 2 });
  expect(await lent.take(aVm(), 'b', 2, 9)).toEqual({ kind: 'taken', slots: { pool: 0, host: 2 } });
});

test('a full host takes nothing from the pool', async () => {
  await using lent = await lendHome();
  await lent.take(aVm(), 'a', 9, 1);
  expect(await lent.take(aVm(), 'b', 9, 1)).toEqual({ kind: 'full', limit: 'host', max: 1 });
  expect((await takenSlots(lent.home)).map(({ path }) => path.slice(lent.home.slots.length))).toEqual([
    '/host/0',
    '/pools/a/0',
  ]);
});

test('a pool may be called "host"', async () => {
  await using lent = await lendHome();
  await lent.take(aVm(), 'host', 1, 2);
  expect(await lent.take(aVm(), 'other', 1, 2)).toEqual({ kind: 'taken', slots: { pool: 0, host: 1 } });
});

test('a freed slot is taken again, and cannot be freed by its former owner', async () => {
  await using lent = await lendHome();
  const [first, second] = [aVm(), aVm()];
  await lent.take(first, 'a', 1, 1);
  const before = await takenSlots(lent.home);
  await freeSlots(lent.home, first);
  expect(await takenSlots(lent.home)).toEqual([]);
  expect(await lent.take(second, 'a', 1, 1)).toMatchObject({ kind: 'taken' });
  await Promise.all([...before.map(freeSlot), freeSlots(lent.home, first)]);
  expect((await takenSlots(lent.home)).map(({ vm }) => vm)).toEqual([second, second]);
});

test('a slot that was never taken up, because its taker was killed, is reported and can be freed', async () => {
  await using lent = await lendHome();
  const vm = aVm();
  const path = join(lent.home.slots, `.offer-${vm}`);
  await mkdir(path);
  expect(await takenSlots(lent.home)).toEqual([{ path, vm }]);
  await freeSlots(lent.home, vm);
  expect(await readdir(lent.home.slots)).toEqual([]);
});

test('of many who want the last slots at once, exactly as many as there are slots get one', async () => {
  await using lent = await lendHome();
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => lent.take(aVm(), 'a', 4, 9)));
  const taken = outcomes.flatMap((outcome) => (outcome.kind === 'taken' ? [outcome.slots.pool] : []));
  expect(taken.sort()).toEqual([0, 1, 2, 3]);
});
