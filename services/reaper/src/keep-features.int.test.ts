import { readFeatures } from '@vm-task/bus/features';
import { renewLease } from '@vm-task/bus/host-leases';
import { silentLogger } from '@vm-task/service/log';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { sampleLease } from '@vm-task/testing/sample-lease';
import { expect, test } from 'vitest';
import { keepFeatures } from './keep-features.ts';

const said = (broker: Broker, version: string) =>
  eventually(async () => (await readFeatures(broker.connection))?.version === version, {
    what: `the record says ${version}`,
  });

test('the record says the oldest version that is there, and follows when the last host is upgraded', async () => {
  await using broker = await startBroker({ users: ['reaper', 'provisioner'] });
  await using reaper = await broker.connect({ user: 'reaper' });
  await using host = await broker.connect({ user: 'provisioner' });
  const lease = (version: string) => renewLease(host.connection, { ...sampleLease, version });
  await lease('0.2.0');
  const stop = new AbortController();
  const keeping = keepFeatures(reaper.bus, { version: '0.3.0', log: silentLogger, stop: stop.signal });
  await said(broker, '0.2.0');
  await lease('0.3.0');
  await said(broker, '0.3.0');
  stop.abort();
  await keeping;
});

test('what is too new or too old in the record is put right, and nothing is written where it is right', async () => {
  await using broker = await startBroker();
  const { connection, bus } = broker;
  await renewLease(connection, { ...sampleLease, version: '0.3.0' });
  const keepOnce = async (version: string, wanted = version) => {
    const stop = new AbortController();
    const keeping = keepFeatures(bus, { version, log: silentLogger, stop: stop.signal });
    await said(broker, wanted);
    stop.abort();
    await keeping;
    return (await connection.jsm.streams.info('KV_features')).state.last_seq;
  };
  expect([await keepOnce('0.2.0'), await keepOnce('0.3.0'), await keepOnce('0.3.0')]).toEqual([1, 2, 2]);
  await renewLease(connection, { ...sampleLease, version: '0.1.0' });
  expect(await keepOnce('0.3.0', '0.1.0')).toBe(3);
});
