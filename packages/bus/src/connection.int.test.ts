import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { eventually } from '@vm-task/testing/conditions';
import { startNatsServer } from '@vm-task/testing/nats-server';
import { setBackByAnHour } from '@vm-task/testing/wall-clock';
import { expect, onTestFinished, test, vi } from 'vitest';
import { isTestedServerVersion, openConnection, requireServerVersion } from './connection.ts';

test.each(['2.14.0', '2.14.1', '2.15.1', '3.0.0', '2.14.0-RC.1'])('a server of version %s is taken', (version) => {
  requireServerVersion(version);
});

test.each(['2.9.10', '2.13.99', '1.99.0', '', 'unknown'])('a server of version "%s" is refused', (version) => {
  expect(() => requireServerVersion(version)).toThrow(/vm-task needs 2\.14\.0 or newer/);
});

test.each([
  ['2.13.9', false],
  ['2.14.0', true],
  ['2.15.9-RC.1', true],
  ['2.16.0', false],
])('whether the tests ran with a server of version %s: %s', (version, tested) => {
  expect(isTestedServerVersion(version)).toBe(tested);
});

test('a server that is not there is an error that names it', async () => {
  const address = { servers: ['nats://127.0.0.1:1'], user: 'test', pass: 'test' };
  await expect(openConnection(address, 'test')).rejects.toMatchObject({ code: 'broker-unreachable' });
  await expect(openConnection(address, 'test')).rejects.toThrow('nats://127.0.0.1:1');
});

test('who says nothing is given up, and no connection to it stays open', async () => {
  const open = new Set<Socket>();
  const silent = createServer((socket) => {
    open.add(socket.on('close', () => open.delete(socket)).on('error', () => {}));
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const address = { servers: [`tls://127.0.0.1:${port}`], user: 'test', pass: 'test', tls: {} };
  const opening = openConnection(address, 'test', { requestMs: 200, pingEveryMs: 5_000 });
  await expect(opening).rejects.toMatchObject({ code: 'broker-unreachable' });
  await eventually(() => open.size === 0, { what: 'it is hung up' });
  silent.close();
});

test('a wrong password is an error, at once', async () => {
  await using server = await startNatsServer({ config: 'authorization { user: test, password: right }' });
  await expect(openConnection(server.address('test', 'wrong'), 'test')).rejects.toMatchObject({
    code: 'broker-unreachable',
  });
});

test('a connection outlives a server that is away for longer than any number of tries', async () => {
  await using server = await startNatsServer();
  await using connection = await openConnection(server.address(), 'test');
  let tries = 0;
  // Ends with the connection.
  const counting = (async () => {
    for await (const { type } of connection.nc.status()) if (type === 'reconnecting') tries += 1;
  })();
  await server.kill();
  // The client itself would give up after ten.
  await eventually(() => tries > 12, { what: 'it was dialled again and again' });
  await server.restart();
  await eventually(() => connection.nc.rtt(), { what: 'it is connected again' });
  await connection.nc.close();
  await counting;
});

test('a connection comes back at once although the clock of the host was set back by an hour', async () => {
  await using server = await startNatsServer();
  await using connection = await openConnection(server.address(), 'test');
  setBackByAnHour();
  await server.kill();
  await server.restart();
  await eventually(() => connection.nc.rtt(), { what: 'it is connected again' });
});

test('a connection that is closed in the very moment in which the server ends it, too, brings nothing down', async () => {
  await using server = await startNatsServer();
  const connection = await openConnection(server.address(), 'test');
  const uncaught = vi.fn();
  process.on('uncaughtException', uncaught);
  onTestFinished(() => void process.off('uncaughtException', uncaught));
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const { end } = Socket.prototype;
  const ending = vi.spyOn(Socket.prototype, 'end').mockImplementation(function (this: Socket) {
    ending.mockRestore();
    const ended = Reflect.apply(end, this, []);
    // What is published now is written to a socket that has ended, and closing stops listening to it.
    connection.nc.publish('task.submit', '{}');
    queueMicrotask(() => resolve(connection.nc.close()));
    return ended;
  });
  await server.stop();
  await closed;
  await turn();
  expect(uncaught).not.toHaveBeenCalled();
});
