import type { Bus } from '@vm-task/bus/bus';
import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { startRig } from '../test/reaper.ts';

async function alerts({ connection: { jsm } }: Bus): Promise<Record<string, number>> {
  const { state } = await jsm.streams.info('EVENTS', { subjects_filter: 'alert.raised.>' });
  return state.subjects ?? {};
}

test('a task that is not done in time is told of once, over restarts and by two reapers, and goes on', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const late = { spec: { ...sample.sampleSpec, alertAfterMs: 300 } };
  const { task, time } = await rig.create(late);
  const subject = `alert.raised.warning.task-late.${task}.any`;
  {
    await using _one = rig.reap();
    await using _two = rig.reap();
    const alert = await eventually(() => bus.connection.jsm.streams.getMessage('EVENTS', { last_by_subj: subject }), {
      what: 'it is told of',
    });
    expect(alert.json()).toMatchObject({ severity: 'warning', links: [{ href: `/v1/tasks/${task}` }] });
    const lateMs = alert.time.getTime() - time.getTime() - 300;
    // What the reaper takes for the broker's time may be off by half of the way to it. How late is `bench/overrun`'s matter.
    expect(lateMs).toBeGreaterThanOrEqual(-200);
  }
  // Past the broker's own memory of message ids, too: the expectation holds for ever.
  await bus.connection.jsm.streams.update('EVENTS', { duplicate_window: 100_000_000 });
  rig.reap();
  await rig.create(late);
  await eventually(async () => Object.keys(await alerts(bus)).length === 2, { what: 'the witness is told of' });
  expect((await alerts(bus))[subject]).toBe(1);
  expect((await rig.head(task))?.type).toBe('task.created');
});
