/** Services are replaced one after the other while they work: what they have in flight is finished or handed over. */

import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { expectUndisturbed, submitCounter } from './load.ts';
import { type Services, startSystem } from './system.ts';

test('all services are replaced three times under load: nothing is lost, nothing runs twice', {
  timeout: 180_000,
}, async () => {
  await using system = await startSystem({ copies: 0, max: 6 });
  let running = await system.startServices();
  const submitting = Array.from({ length: 24 }, (_, index) =>
    submitCounter(system, `task-${index}`, 5 + ((index * 7) % 40)),
  );
  const tasks = await Promise.all(submitting);
  for (const graceMs of [0, 300, 2_000]) {
    const working = async () => (await system.hypervisor.list()).some(({ phase }) => phase === 'claimed');
    await eventually(working, { what: 'tasks are in flight' });
    const next: Services = await system.startServices();
    await running.drain(graceMs);
    running = next;
  }
  for (const task of tasks) await expectUndisturbed(system, task);
  const left = async () => (await system.hypervisor.list()).filter(({ phase }) => phase !== 'ready').length;
  await eventually(async () => (await left()) === 0, { what: 'no VM of a task is left' });
  expect(system.guest.jobProcesses()).toEqual([]);
});
