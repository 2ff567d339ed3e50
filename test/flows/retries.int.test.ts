import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stored } from '@vm-task/shared/events';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { type System, startSystem } from './system.ts';

/** Writes down that it ran, and fails but for the time `succeedsAt`. */
const countedRun = (name: string, succeedsAt: number) =>
  `echo ran >> "$HOME/${name}"; test "$(wc -l < "$HOME/${name}")" -eq ${succeedsAt}`;

const runsOf = async ({ guest }: System, name: string) =>
  (await readFile(join(guest.home, name), 'utf8')).trim().split('\n').length;

const typesOf = (events: readonly Stored[]) => events.map(({ type }) => type).filter((type) => type !== 'vm.gone');

const vmsOf = (events: readonly Stored[]) =>
  events.flatMap((event) => (event.type === 'vm.ready' ? event.data.vm : []));

async function expectAllGone({ hypervisor }: System): Promise<void> {
  const claimed = async () => (await hypervisor.list()).filter(({ phase }) => phase !== 'ready');
  await eventually(async () => (await claimed()).length === 0, { what: 'every VM of a task is gone' });
}

test('each attempt has a fresh VM, and the wait between them survives a crash of the broker', async () => {
  await using system = await startSystem();
  const run = countedRun('tries', 3);
  const task = await system.submit({ run, retry: { backoff: '2s', on: ['run'] } });
  const first = await system.headOf(task, 'task.retrying');
  await system.broker.server.kill();
  await eventually(() => Date.now() > Date.parse(first.data.notBefore), { what: 'the wait is over' });
  await system.broker.server.restart();
  expect((await system.headOf(task, 'task.completed')).data).toMatchObject({ outcome: 'succeeded', attempt: 3 });
  await expectAllGone(system);
  const events = await system.eventsOf(task);
  const waits = events.filter((event) => event.type === 'task.retrying');
  expect(waits.map(({ data }) => [data.attempt, data.next, data.phase, data.exitCode])).toEqual([
    [1, 2, 'run', 1],
    [2, 3, 'run', 1],
  ]);
  const [firstMs = 0, secondMs = 0] = waits.map(({ data, time }) => Date.parse(data.notBefore) - time.getTime());
  expect(secondMs).toBeGreaterThan(firstMs);
  const attempt = ['vm.ready', 'task.setup.done'];
  expect(typesOf(events)).toEqual([
    'task.created',
    ...attempt,
    'task.retrying',
    ...attempt,
    'task.retrying',
    ...attempt,
    'task.completed',
  ]);
  expect(new Set(vmsOf(events)).size).toBe(3);
  expect(events.filter(({ type }) => type === 'vm.gone')).toHaveLength(3);
  expect(await runsOf(system, 'tries')).toBe(3);
});

test('with two of every service each attempt happens once, and the last one ends the task', async () => {
  await using system = await startSystem({ copies: 2 });
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const file = (name: string) => ({
    setup: [{ run: countedRun(name, name < 'd' ? 2 : 99) }],
    run: 'true',
    retry: { maxAttempts: 2, backoff: '100ms', on: ['setup'] },
  });
  const tasks = await Promise.all(names.map((name) => system.submit(file(name))));
  for (const [index, task] of tasks.entries()) {
    const outcome = index < 3 ? 'succeeded' : 'failed';
    expect((await system.headOf(task, 'task.completed')).data).toMatchObject({ outcome, attempt: 2 });
    expect(await runsOf(system, names[index] ?? '')).toBe(2);
  }
  await expectAllGone(system);
  for (const task of tasks) {
    const events = await system.eventsOf(task);
    expect(events.filter(({ type }) => type === 'vm.ready')).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'task.retrying')).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'vm.gone')).toHaveLength(2);
  }
});
