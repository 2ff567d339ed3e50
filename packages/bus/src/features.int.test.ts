import { silentLogger } from '@vm-task/service/log';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { followFeatures, readFeatures, writeFeatures } from './features.ts';

test('whoever writes events goes by the record from its start, and a host cannot alter it', async () => {
  await using broker = await startBroker({ users: ['runner', 'reaper'] });
  await using reaper = await broker.connect({ user: 'reaper' });
  await using runner = await broker.connect({ user: 'runner' });
  expect(await readFeatures(runner.connection)).toBeNull();
  await writeFeatures(reaper.connection, { v: 1, version: '0.3.0' });
  const stop = new AbortController();
  const features = followFeatures(runner.connection, { log: silentLogger, stop: stop.signal });
  expect(features.version).toBeNull();
  await eventually(() => features.version === '0.3.0', { what: 'the record is read' });
  stop.abort();
  await expect(writeFeatures(runner.connection, { v: 1, version: '9.0.0' })).rejects.toThrow();
  expect(await readFeatures(reaper.connection)).toEqual({ v: 1, version: '0.3.0' });
});

test('of a record of a newer version nothing is on; what it says more is passed over', async () => {
  await using broker = await startBroker();
  const put = (value: object) => broker.connection.js.publish('$KV.features.events', JSON.stringify(value));
  await put({ v: 1, version: '0.3.0', novel: true });
  expect(await readFeatures(broker.connection)).toEqual({ v: 1, version: '0.3.0' });
  await put({ v: 2, version: { newest: '0.3.0' } });
  expect(await readFeatures(broker.connection)).toBeNull();
});
