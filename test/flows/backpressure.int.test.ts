/** More than there is room for (I13): a queue of many tasks, and a stream that takes no more. */
import { connectToNothing } from '@vm-task/runner/guest-of-nothing';
import { eventPatterns } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { expectUndisturbed, submitCounter } from './load.ts';
import { startSystem } from './system.ts';

test('a thousand tasks at once: each has one end, never more VMs than there may be, and memory stays flat', async () => {
  await using system = await startSystem({ max: 4, connect: connectToNothing });
  let most = 0;
  const count = async () => {
    most = Math.max(most, (await system.hypervisor.list()).length);
  };
  const watching = setInterval(() => void count(), 5);
  using _ = { [Symbol.dispose]: () => clearInterval(watching) };
  const ended = async () => {
    const { state } = await system.broker.connection.jsm.streams.info('EVENTS', {
      subjects_filter: eventPatterns['task.completed'],
    });
    return Object.values(state.subjects ?? {});
  };
  const memory: number[] = [];
  for (let round = 1; round <= 2; round++) {
    const submitting = Array.from({ length: 500 }, () => system.submit({ run: 'true' }));
    await Promise.all(submitting);
    await eventually(async () => (await ended()).length === round * 500, { what: 'all have ended', limitMs: 100_000 });
    memory.push(process.memoryUsage().rss / 1024 ** 2);
  }
  expect(await ended()).toEqual(Array.from({ length: 1_000 }, () => 1));
  expect(most).toBeLessThanOrEqual(4);
  const [first = 0, last = 0] = memory;
  process.stdout.write(`a thousand tasks: ${first.toFixed(0)} MiB after 500, ${last.toFixed(0)} MiB after 1000\n`);
  expect(last - first).toBeLessThan(100);
});

test('a stream that takes no more lets processes run on; their events follow when there is room', async () => {
  await using system = await startSystem();
  const { jsm } = system.broker.connection;
  const running = [await submitCounter(system, 'one', 30), await submitCounter(system, 'two', 50)];
  await eventually(() => system.guest.jobProcesses().length >= 2, { what: 'both run', limitMs: 60_000 });
  const { config, state } = await jsm.streams.info('EVENTS');
  await jsm.streams.update('EVENTS', { max_bytes: state.bytes + 1 });
  await eventually(() => system.guest.jobProcesses().length === 0, { what: 'both processes have ended' });
  const [first] = running;
  const head = await system.broker.bus.head({ pool: 'default', task: first?.task ?? expect.fail('no task') });
  expect(head?.type).not.toBe('task.completed');
  await jsm.streams.update('EVENTS', { max_bytes: config.max_bytes });
  for (const task of running) await expectUndisturbed(system, task);
  await expectUndisturbed(system, await submitCounter(system, 'three', 5));
});
