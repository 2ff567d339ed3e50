/** The socket inside the machine: there before the job, its connections here, and gone with what it was made for. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { newVmId } from '@vm-task/shared/new-ids';
import { startSshGuest } from '@vm-task/testing/ssh-guest';
import { expect, test } from 'vitest';
import { completeJob } from './complete-job.ts';
import { connect } from './connect.ts';
import type { ServeConnection } from './forward-socket.ts';
import { leaseWorkFolder, releaseLease, takeLease } from './machine-lease.ts';
import { runJob } from './run-job.ts';
import { collect, never, newJob, script } from './test-job.ts';

/** Answers whatever comes with one body. */
const answering =
  (body: string): ServeConnection =>
  (accept) => {
    accept().end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    return true;
  };

test('on a machine of somebody else the socket is in the home of the login, and goes with the lease', async () => {
  await using machine = await startSshGuest();
  await using connection = await connect(machine.access, { privateKey: machine.privateKey, signal: never });
  const vm = newVmId(Date.now());
  await takeLease(connection, { vm, by: 'a test', lifeMs: 60_000 }, never);
  const job = newJob({ lease: vm, cwd: leaseWorkFolder(vm), program: script('echo "$VM_TASK_API"; vm-task inputs') });
  const { stdout } = await collect(runJob(connection, job, { signal: never, serve: answering('{"a": 1}') }));
  expect(stdout.toString()).toBe(`${join(machine.home, '.vm-task/api.sock')}\n{"a": 1}\n`);
  await releaseLease(connection, vm, never);
  expect(readdirSync(join(machine.home, '.vm-task')).sort()).toEqual(['guard', 'uses']);
  expect(readdirSync(join(machine.home, '.vm-task/uses'))).toEqual([]);
  expect(existsSync('/run/vm-task/api.sock')).toBe(false);
});

test('who comes later has the socket, also when nobody knows yet that the first one is gone', async () => {
  await using machine = await startSshGuest();
  const open = () => connect(machine.access, { privateKey: machine.privateKey, signal: never });
  await using first = await open();
  await using second = await open();
  const job = newJob({ program: script('until [ -e gate ]; do sleep 0.02; done; vm-task inputs') });
  const following = runJob(first, job, { signal: never, serve: answering('1') });
  await following.next();
  const taking = runJob(second, job, { signal: never, serve: answering('2') });
  expect(await taking.next()).toMatchObject({ value: { kind: 'running', attached: true } });
  await collect(runJob(second, newJob({ program: script('touch gate') }), { signal: never }));
  expect((await collect(taking)).stdout.toString()).toBe('2\n');
  expect((await collect(following)).stdout.toString()).toBe('2\n');
});

test('where sshd forwards nothing the job runs without, and says so when it asks', async () => {
  await using machine = await startSshGuest({ forwarding: false });
  await using connection = await connect(machine.access, { privateKey: machine.privateKey, signal: never });
  const job = newJob({ program: script('echo "[$VM_TASK_API]"; vm-task inputs || echo "exit code $?"') });
  const kinds: string[] = [];
  const events = runJob(connection, job, { signal: never, serve: answering('') });
  let stdout = '';
  for await (const event of events) {
    kinds.push(event.kind);
    if (event.kind === 'output' && event.stream === 'stdout') stdout += event.bytes.toString();
  }
  expect(stdout).toBe('[]\nexit code 75\n');
  expect(kinds.slice(0, 2)).toEqual(['unreachable', 'running']);
});

test('a result is set once while the job runs, again by the same key, and never after its end', async () => {
  await using machine = await startSshGuest();
  await using connection = await connect(machine.access, { privateKey: machine.privateKey, signal: never });
  const job = newJob({ program: script('echo 1 > "$VM_TASK_RESULT"; until [ -e gate ]; do sleep 0.02; done') });
  const complete = (key: string, text: string) =>
    completeJob(connection, job, { key, result: Buffer.from(text) }, { signal: never });
  expect(await complete('a', 'early')).toBe('over');
  const running = runJob(connection, job, { signal: never });
  await running.next();
  expect(await Promise.all([complete('a', 'x\ny'), complete('a', 'x\ny')])).toEqual(['completed', 'completed']);
  expect(await complete('b', 'z')).toBe('twice');
  await collect(runJob(connection, newJob({ program: script('touch gate') }), { signal: never }));
  expect((await collect(running)).end.result?.toString()).toBe('x\ny');
  expect(await complete('b', 'z')).toBe('twice');
  expect(await complete('a', 'x\ny')).toBe('completed');
});
