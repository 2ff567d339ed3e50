import type { Bus } from '@vm-task/bus/bus';
import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { startRig } from '../test/reaper.ts';

/** The reaper knows the broker's clock by a question and its answer, which takes its time on a busy machine. */
const clockErrorMs = 1_000;

async function alerts({ connection: { jsm } }: Bus): Promise<Record<string, number>> {
  const { state } = await jsm.streams.info('EVENTS', { subjects_filter: 'alert.raised.>' });
  return state.subjects ?? {};
}

test('a task that is not done in time is reported once, over restarts and by two reapers, and goes on', async () => {
  await using rig = await startRig();
  const { bus } = rig;
  const late = { spec: { ...sample.sampleSpec, alertAfterMs: 1_300 } };
  const { task, time } = await rig.create(late);
  const subject = `alert.raised.warning.task-late.${task}.any`;
  {
    await using _one = rig.reap();
    await using _two = rig.reap();
    const alert = await eventually(() => bus.connection.jsm.streams.getMessage('EVENTS', { last_by_subj: subject }), {
      what: 'it is reported',
    });
    expect(alert.json()).toMatchObject({ severity: 'warning', links: [{ href: `/v1/tasks/${task}` }] });
    // Not before its time: what the reaper takes for the broker's is off by the way to it at most. How late is `bench/overrun`'s matter.
    expect(alert.time.getTime() - time.getTime()).toBeGreaterThan(1_300 - clockErrorMs);
  }
  // Past the broker's own memory of message ids, too: the expectation holds for ever.
  await bus.connection.jsm.streams.update('EVENTS', { duplicate_window: 100_000_000 });
  rig.reap();
  await rig.create(late);
  await eventually(async () => Object.keys(await alerts(bus)).length === 2, { what: 'the witness is reported' });
  expect((await alerts(bus))[subject]).toBe(1);
  expect((await rig.head(task))?.type).toBe('task.created');
});
