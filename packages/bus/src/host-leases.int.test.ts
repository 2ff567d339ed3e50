import { startBroker } from '@vm-task/testing/broker';
import { sampleLease as lease } from '@vm-task/testing/sample-lease';
import { expect, test } from 'vitest';
import { readLeases, renewLease } from './host-leases.ts';

test("a host renews its own entry, and no other host's; control reads all of them", async () => {
  await using broker = await startBroker({ users: ['provisioner', 'intake'] });
  await using host = await broker.connect({ user: 'provisioner' });
  await using intake = await broker.connect({ user: 'intake' });
  await renewLease(host.connection, lease);
  await renewLease(host.connection, { ...lease, draining: true });
  await expect(renewLease(host.connection, { ...lease, host: 'host-2' })).rejects.toThrow();
  const held = await readLeases(intake.connection);
  expect(held).toEqual([{ host: 'host-1', renewedAt: expect.any(Date), lease: { ...lease, draining: true } }]);
});

test('what a newer version says more is passed over, and an entry that cannot be read is shown as such', async () => {
  await using broker = await startBroker();
  const put = (host: string, value: object) =>
    broker.connection.js.publish(`$KV.hosts.${host}`, JSON.stringify({ ...lease, host, ...value }));
  await put('host-1', { novel: true });
  await put('host-2', { v: 2 });
  await put('host-3', { host: 'host-1' });
  const held = await readLeases(broker.connection);
  expect(held.map(({ host, lease: found }) => [host, found === null])).toEqual([
    ['host-1', false],
    ['host-2', true],
    ['host-3', true],
  ]);
});
