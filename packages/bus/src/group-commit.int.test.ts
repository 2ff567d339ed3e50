/** Announcements that come together: stored together, and each once whatever happens to the group. */

import type { VmId } from '@vm-task/shared/ids';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { sampleVm, vmGone } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';

const never = new AbortController().signal;

/** Far more than go alone. */
const burst = 100;

const sampleVms = (): VmId[] => Array.from({ length: burst }, sampleVm);

const announceAll = ({ bus }: Broker, vms: readonly VmId[]) =>
  Promise.all(vms.map((vm) => bus.announce(vmGone(vm), never)));

/** How the stream has them: what each subject ends with, and whether it came in a batch. */
async function stored({ connection: { jsm } }: Broker): Promise<{ vms: string[]; together: number; withIds: number }> {
  const { state } = await jsm.streams.info('EVENTS');
  const numbers = Array.from({ length: state.last_seq }, (_, index) => index + 1);
  const messages = await Promise.all(numbers.map((seq) => jsm.streams.getMessage('EVENTS', { seq })));
  return {
    vms: messages.map((message) => message?.subject.split('.').at(-2) ?? '').sort(),
    together: messages.filter((message) => message?.header.get('Nats-Batch-Id')).length,
    withIds: messages.filter((message) => message?.header.get('ce-id')?.startsWith('vm.gone/')).length,
  };
}

test('a burst is stored together, each VM once, as it would be alone', async () => {
  await using broker = await startBroker();
  const vms = sampleVms();
  await announceAll(broker, vms);
  const found = await stored(broker);
  expect(found.vms).toEqual([...vms].sort());
  expect(found.together).toBeGreaterThan(burst / 2);
  expect(found.withIds).toBe(burst);
});

test('one that is known already does not keep the others of its burst from being stored', async () => {
  await using broker = await startBroker();
  const vms = sampleVms();
  const [first, middle] = [vms[0], vms[burst / 2]] as [VmId, VmId];
  await using other = await broker.connect();
  await other.bus.announce(vmGone(middle), never);
  await announceAll(broker, vms);
  await announceAll(broker, [first, ...vms]);
  expect((await stored(broker)).vms).toEqual([...vms].sort());
});

test('when the server dies under a burst, each of it is stored once after all', { timeout: 120_000 }, async () => {
  await using broker = await startBroker();
  const vms = sampleVms();
  const announced = announceAll(broker, vms);
  await broker.server.kill();
  await broker.server.restart();
  await announced;
  expect((await stored(broker)).vms).toEqual([...vms].sort());
});
