import type { Bus } from '@vm-task/shared/bus/bus';
import type { TaskId } from '@vm-task/shared/ids';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { reap, store } from '../test/reaper.ts';

async function alerts({ connection: { jsm } }: Bus): Promise<Record<string, number>> {
  const { state } = await jsm.streams.info('EVENTS', { subjects_filter: 'alert.raised.>' });
  return state.subjects ?? {};
}

test('a task that is not done in time is told of once, over restarts and by two reapers, and goes on', async () => {
  await using broker = await startBroker();
  const { bus } = broker;
  const createLate = (task: TaskId) =>
    store(bus, sample.created(task, { spec: { ...sample.sampleSpec, alertAfterMs: 300 } }));
  const task = sample.sampleTask();
  const subject = `alert.raised.warning.task-late.${task}`;
  const { time } = await createLate(task);
  {
    await using _one = reap(bus, createFakeHypervisor());
    await using _two = reap(bus, createFakeHypervisor());
    const alert = await eventually(() => bus.connection.jsm.streams.getMessage('EVENTS', { last_by_subj: subject }), {
      what: 'it is told of',
    });
    expect(alert.json()).toMatchObject({ severity: 'warning', links: [{ href: `/v1/tasks/${task}` }] });
    const lateMs = alert.time.getTime() - time.getTime() - 300;
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(1_000);
  }
  // Past the broker's own memory of message ids, too: the expectation holds for ever.
  await bus.connection.jsm.streams.update('EVENTS', { duplicate_window: 100_000_000 });
  await using _again = reap(bus, createFakeHypervisor());
  const witness = sample.sampleTask();
  await createLate(witness);
  await eventually(async () => Object.keys(await alerts(bus)).length === 2, { what: 'the witness is told of' });
  expect((await alerts(bus))[subject]).toBe(1);
  expect((await bus.head({ pool: 'default', task }))?.type).toBe('task.created');
});
