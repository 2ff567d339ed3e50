/** Announcements that come together: each is stored once, whatever happens meanwhile. */

import type { VmId } from '@vm-task/shared/ids';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { sampleVm, vmGone } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';

const never = new AbortController().signal;
const burst = 100;

const sampleVms = (): VmId[] => Array.from({ length: burst }, sampleVm);

const announceAll = ({ bus }: Broker, vms: readonly VmId[]) =>
  Promise.all(vms.map((vm) => bus.announce(vmGone(vm), never)));

async function storedVms({ connection: { jsm } }: Broker): Promise<string[]> {
  const { state } = await jsm.streams.info('EVENTS');
  const numbers = Array.from({ length: state.last_seq }, (_, index) => index + 1);
  const messages = await Promise.all(numbers.map((seq) => jsm.streams.getMessage('EVENTS', { seq })));
  return messages.map((message) => message?.subject.split('.').at(-2) ?? '').sort();
}

test('one that is known already does not keep the others of its burst from being stored', async () => {
  await using broker = await startBroker();
  const vms = sampleVms();
  const [first, middle] = [vms[0], vms[burst / 2]] as [VmId, VmId];
  await using other = await broker.connect();
  await other.bus.announce(vmGone(middle), never);
  await announceAll(broker, vms);
  await announceAll(broker, [first, ...vms]);
  expect(await storedVms(broker)).toEqual([...vms].sort());
});

test('when the server dies under a burst, each of it is stored once after all', { timeout: 120_000 }, async () => {
  await using broker = await startBroker();
  const vms = sampleVms();
  const announced = announceAll(broker, vms);
  await broker.server.kill();
  await broker.server.restart();
  await announced;
  expect(await storedVms(broker)).toEqual([...vms].sort());
});
