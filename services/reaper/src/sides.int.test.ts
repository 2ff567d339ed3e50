import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { startRig } from '../test/reaper.ts';

test('the control side ends what is out of time and leaves VMs to their hosts, whose side removes them', async () => {
  await using rig = await startRig();
  const { hypervisor } = rig;
  const late = await rig.createReady({
    spec: { ...sample.sampleSpec, timeouts: { ...sample.sampleSpec.timeouts, totalMs: 1_000 } },
  });
  const orphan = await rig.claimFor(sample.sampleTask());
  const control = rig.reap({ role: 'control' });
  expect((await rig.endOf(late.task)).data).toMatchObject({ outcome: 'timed_out' });
  await control[Symbol.asyncDispose]();
  const left = (await hypervisor.list()).map(({ record }) => record.vm);
  expect(left).toContain(orphan);
  rig.reap({ role: 'host' });
  await rig.goneOf(orphan);
});
