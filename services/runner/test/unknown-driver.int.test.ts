import { Drivers, knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import type { VmId } from '@vm-task/shared/ids';
import { eventually } from '@vm-task/testing/conditions';
import { Cloud } from '@vm-task/testing/fake-driver/cloud';
import { fakeDriver } from '@vm-task/testing/fake-driver/declaration';
import { expect, test } from 'vitest';
import type { RunnerParts } from '../src/runner-parts.ts';
import { type Rig, startRig } from './rig.ts';

/** As a runner of the next version is. */
const newer =
  ({ guest }: Rig) =>
  ({ config }: RunnerParts): Partial<RunnerParts> => ({
    config: { ...config, drivers: new Drivers([...knownDrivers.all, fakeDriver(new Cloud(guest))]) },
  });

/** Their subjects, and how many are stored on each. */
async function alerts({ broker }: Rig): Promise<Record<string, number>> {
  const { state } = await broker.connection.jsm.streams.info('EVENTS', { subjects_filter: 'alert.raised.>' });
  return state.subjects ?? {};
}

test('a VM of a driver that the runner does not know is left to one that knows it, and reported once', async () => {
  await using rig = await startRig();
  const entered: VmId[] = [];
  const older = await rig.startRunner(({ connect }) => ({
    connect(ready, signal) {
      entered.push(ready.vm);
      return connect(ready, signal);
    },
  }));
  const { task, pool, ready } = await rig.submit({ run: 'echo done' }, 'fake');
  const known = await rig.submit({ command: ['true'] });
  expect(await rig.completed(known)).toMatchObject({ outcome: 'succeeded' });
  const consumer = () => rig.broker.connection.jsm.consumers.info('EVENTS', 'runner-host-1');
  await eventually(async () => (await consumer()).num_redelivered > 0, { what: 'it is given back' });
  const told = await alerts(rig);
  expect(Object.keys(told)).toEqual([expect.stringContaining(`.unknown-driver.${ready.data.vm}`)]);
  expect(entered).toEqual([known.ready.data.vm]);
  expect((await rig.broker.bus.head({ task, pool }))?.seq).toBe(ready.seq);
  await older.stop();
  await using _newer = await rig.startRunner(newer(rig));
  expect(await rig.completed({ task, pool, ready })).toMatchObject({ outcome: 'succeeded' });
  expect(await alerts(rig)).toEqual(told);
  expect(Object.values(told)).toEqual([1]);
});
