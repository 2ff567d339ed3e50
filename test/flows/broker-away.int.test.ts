/** The broker goes away in mid-load, for as long as it takes to notice: no task fails because of it. */
import { eventually } from '@vm-task/testing/conditions';
import type { NatsServer } from '@vm-task/testing/nats-server';
import { expect, test } from 'vitest';
import { type CountingTask, expectUndisturbed, stdoutOf, submitCounter } from './load.ts';
import { type System, startSystem } from './system.ts';

const fourMinutes = { timeout: 240_000 };

const passes = (ms: number) => {
  const over = AbortSignal.timeout(ms);
  return eventually(() => over.aborted, { what: `${ms} ms are over`, limitMs: 2 * ms });
};

/** Tasks that run over the whole outage, that end during it, and that wait in the queue. */
async function submitLoad(system: System, outageMs: number): Promise<CountingTask[]> {
  const counts = [outageMs / 100 + 50, outageMs / 200, 100, 30, 30, 30];
  const tasks = await Promise.all(counts.map((count, index) => submitCounter(system, `load-${index}`, count)));
  const [long] = tasks;
  if (long === undefined) throw new Error('there is no load');
  await eventually(async () => (await stdoutOf(system, long.task)).length > 0, { what: 'it runs', limitMs: 60_000 });
  return tasks;
}

async function loseBroker(outageMs: number, outage: (server: NatsServer) => Promise<void>): Promise<void> {
  await using system = await startSystem();
  const tasks = await submitLoad(system, outageMs);
  await outage(system.broker.server);
  const later = await submitCounter(system, 'later', 10);
  for (const task of [...tasks, later]) await expectUndisturbed(system, task);
  expect(system.guest.jobProcesses()).toEqual([]);
}

test.concurrent('nats-server is killed in mid-load and restarted 30 s later', fourMinutes, () =>
  loseBroker(30_000, async (server) => {
    await server.kill();
    await passes(30_000);
    await server.restart();
  }),
);

test.concurrent('nats-server is stopped (SIGSTOP) in mid-load for 60 s', fourMinutes, () =>
  loseBroker(60_000, async (server) => {
    server.pause();
    await passes(60_000);
    server.resume();
  }),
);
