import { Kvm } from '@nats-io/kv';
import { startBroker } from '@vm-task/testing/broker';
import { expect, test } from 'vitest';
import { unlessProcessed } from './processed.ts';

test('an effect that was had is not had again, and is remembered for as long as it is asked about', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  let times = 0;
  const ask = () => unlessProcessed(connection, 'testing.it', async () => void times++);
  const bucket = await new Kvm(connection.js).open('processed');
  const noted = async () => (await bucket.get('testing.it'))?.revision ?? 0;
  expect(await ask()).toBe('had');
  const first = await noted();
  expect(await ask()).toBe('known');
  // The entry goes so long after it was written last.
  expect(await noted()).toBeGreaterThan(first);
  expect(times).toBe(1);
});
