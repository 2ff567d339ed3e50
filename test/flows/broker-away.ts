/** The broker goes away in mid-load and comes back. */
import { eventually } from '@vm-task/testing/conditions';
import type { NatsServer } from '@vm-task/testing/nats-server';
import { expect } from 'vitest';
import { type CountingTask, expectUndisturbed, stdoutOf, submitCounter } from './load.ts';
import { type System, type SystemOptions, startSystem } from './system.ts';

/** Tasks that run over the whole outage (each count is a tenth of a second), that end during it, and that wait in the queue. */
async function submitLoad(system: System, longest: number): Promise<CountingTask[]> {
  const counts = [longest, longest / 2, 100, 30, 30, 30];
  const tasks = await Promise.all(counts.map((count, index) => submitCounter(system, `load-${index}`, count)));
  const [long] = tasks;
  if (long === undefined) throw new Error('there is no load');
  await eventually(async () => (await stdoutOf(system, long.task)).length > 0, { what: 'it runs', limitMs: 60_000 });
  return tasks;
}

/** No task fails because of the outage, and none shows that there was one. */
export async function loseBroker(
  longest: number,
  outage: (server: NatsServer) => Promise<void>,
  options: SystemOptions = {},
): Promise<void> {
  await using system = await startSystem(options);
  const tasks = await submitLoad(system, longest);
  await outage(system.broker.server);
  const later = await submitCounter(system, 'later', 10);
  for (const task of [...tasks, later]) await expectUndisturbed(system, task);
  expect(system.guest.jobProcesses()).toEqual([]);
}
