import { expect, test } from 'vitest';
import { startBroker } from './broker.ts';
import { eventually } from './conditions.ts';

test('a broker has every stream, and keeps what it stored when it is killed', async () => {
  await using broker = await startBroker();
  const { js, jsm } = broker.connection;
  const { seq } = await js.publish('task.submit', '{}');
  await broker.server.kill();
  await broker.server.restart();
  const stored = await eventually(() => jsm.streams.getMessage('COMMANDS', { seq }), { what: 'the broker is back' });
  expect(stored.subject).toBe('task.submit');
});
