import { once } from 'node:events';
import { createServer } from 'node:net';
import { eventually } from '@vm-task/testing/conditions';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Sftp } from './artifacts/sftp.ts';
import { connect } from './connect.ts';
import { Exchange } from './exchange.ts';
import { forwardSocket } from './forward-socket.ts';
import { bare } from './frames.ts';
import { generateSshKey } from './keys.ts';
import { never, newJob, outputOf, script } from './test-job.ts';
import { waitForSsh } from './wait-for-ssh.ts';

let guest: SshGuest;

beforeAll(async () => {
  guest = await startSshGuest();
});

afterAll(async () => {
  await guest[Symbol.asyncDispose]();
});

const code = (text: string) => expect.objectContaining({ code: text });

test('another host key than the pinned one is refused, also when waiting for it', async () => {
  const access = { ...guest.access, hostKey: generateSshKey().publicKey };
  const options = { privateKey: guest.privateKey, signal: never };
  await expect(connect(access, options)).rejects.toThrowError(code('ssh-host-key-mismatch'));
  await expect(waitForSsh(access, { ...options, timeoutMs: 60_000 })).rejects.toThrowError(
    code('ssh-host-key-mismatch'),
  );
});

test('a key that is not accepted is said to be so', async () => {
  const { privateKey } = generateSshKey();
  await expect(connect(guest.access, { privateKey, signal: never })).rejects.toThrowError(code('ssh-auth-failed'));
});

test('a port that nobody listens on is unreachable, until the time is over', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  const access = { ...guest.access, port };
  const options = { privateKey: guest.privateKey, signal: never };
  await expect(connect(access, options)).rejects.toThrowError(code('ssh-unreachable'));
  await expect(waitForSsh(access, { ...options, timeoutMs: 300 })).rejects.toThrowError(code('ssh-unreachable'));
});

test('a server that accepts and hangs is given up after the handshake limit', async () => {
  await guest.freeze();
  try {
    const hanging = connect(guest.access, { privateKey: guest.privateKey, signal: never, handshakeMs: 300 });
    await expect(hanging).rejects.toThrowError(code('ssh-unreachable'));
  } finally {
    guest.resume();
  }
});

test('waiting succeeds once the server answers', async () => {
  await guest.freeze();
  const waiting = waitForSsh(guest.access, { privateKey: guest.privateKey, signal: never, timeoutMs: 60_000 });
  guest.resume();
  await using connection = await waiting;
  expect((await outputOf(connection, newJob())).end.outcome).toEqual({ kind: 'exited', code: 0 });
});

test('an abort ends a login and a job that is followed with its own reason', async () => {
  const reason = new Error('enough');
  await guest.freeze();
  try {
    const abort = new AbortController();
    const hanging = connect(guest.access, { privateKey: guest.privateKey, signal: abort.signal });
    abort.abort(reason);
    await expect(hanging).rejects.toBe(reason);
  } finally {
    guest.resume();
  }
});

test('a connection that goes silent is lost within tens of seconds', { timeout: 120_000 }, async () => {
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  const running = outputOf(connection, newJob({ program: script('sleep 600') }));
  const lost = expect(running).rejects.toThrowError(code('ssh-lost'));
  await eventually(() => guest.jobProcesses().length > 0, { what: 'the job runs' });
  await guest.freeze();
  try {
    await lost;
  } finally {
    guest.resume();
  }
});

test('a machine whose login shell prints something of its own is said to be so', async () => {
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  using exchange = await Exchange.open(connection, Buffer.from('print "Welcome!\\n"; exit 0;\n__END__\n'), [], never);
  await expect(exchange.frame({ done: bare })).rejects.toThrowError(/login shell/);
});

test('what is asked of a connection that is about to end is lost like any other, and nothing of it is left waiting', async () => {
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  // Nothing can be written any more, and the end has not been seen.
  connection.client.end();
  expect(connection.closed).toBe(false);
  const asked = await Promise.allSettled([
    Exchange.open(connection, Buffer.from('exit 0;\n__END__\n'), [], never),
    forwardSocket(connection, '/tmp/nowhere.sock', () => true),
    Sftp.open(connection, never),
  ]);
  const lost = { status: 'rejected', reason: code('ssh-lost') };
  expect(asked).toEqual([lost, lost, lost]);
  await eventually(() => connection.closed, { what: 'the connection has ended' });
});
