import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, type GuestConnection } from './connect.ts';
import { encodeJob } from './encode-job.ts';
import { encodeRequest } from './frames.ts';
import type { JobEnd, JobEvent } from './job.ts';
import { followJob, runJob } from './run-job.ts';
import { jobStatus } from './stop-job.ts';
import { jobProgram } from './supervisor.ts';
import { collect, never, newJob, script } from './test-job.ts';

let guest: SshGuest;

beforeEach(async () => {
  guest = await startSshGuest();
});

afterEach(async () => {
  await guest[Symbol.asyncDispose]();
});

function open(): Promise<GuestConnection> {
  return connect(guest.access, { privateKey: guest.privateKey, signal: never });
}

test('a job that is started twice is one job (I8)', async () => {
  await using connection = await open();
  const job = newJob({ program: script('echo run >> runs; echo $$; sleep 0.2') });
  const both = await Promise.all([1, 2, 3, 4].map(() => collect(runJob(connection, job, { signal: never }))));
  expect(readFileSync(join(guest.home, 'runs'), 'utf8')).toBe('run\n');
  expect(new Set(both.map(({ stdout }) => stdout.toString())).size).toBe(1);
  const again = await collect(runJob(connection, job, { signal: never }));
  expect(again.stdout.toString()).toBe(both[0]?.stdout.toString());
});

test('a job goes on when its connection is cut, and is read on from the last byte', async () => {
  const counting = 'for i in {1..400}; do echo "line $i"; sleep 0.005; done; echo done >&2; exit 4';
  const job = newJob({ program: script(counting) });
  const from = { stdout: 0, stderr: 0 };
  let stdout = '';
  async function hear(events: AsyncIterable<JobEvent>, cut: boolean): Promise<JobEnd | null> {
    let heard = 0;
    for await (const event of events) {
      if (event.kind === 'ended') return event.end;
      if (event.kind !== 'output') continue;
      from[event.stream] += event.bytes.length;
      if (event.stream === 'stdout') stdout += event.bytes;
      if (cut && ++heard === 5) guest.dropConnections();
    }
    return null;
  }
  for (let cuts = 0; cuts < 4; cuts++) {
    await using connection = await open();
    const events =
      cuts === 0 ? runJob(connection, job, { signal: never }) : followJob(connection, job, { from, signal: never });
    await expect(hear(events, true)).rejects.toThrowError(expect.objectContaining({ code: 'ssh-lost' }));
  }
  await using connection = await open();
  const end = await hear(followJob(connection, job, { from, signal: never }), false);
  expect(end?.outcome).toEqual({ kind: 'exited', code: 4 });
  expect(stdout).toBe(Array.from({ length: 400 }, (_, i) => `line ${i + 1}\n`).join(''));
  expect(from.stderr).toBe(5);
});

test('a job whose request was cut off never starts', async () => {
  await using connection = await open();
  const job = newJob({ program: script('echo ran > ran') });
  const request = Buffer.concat([
    jobProgram,
    encodeRequest([['verb', 'start'], ...encodeJob(job), ['from', 0], ['from', 0]]),
  ]);
  const cutOff = request.subarray(0, request.length - 1);
  const ended = Promise.withResolvers<void>();
  connection.client.exec('exec perl -', (_error, channel) => {
    channel.on('close', () => ended.resolve()).resume();
    channel.end(cutOff);
  });
  await ended.promise;
  expect(await jobStatus(connection, job, { signal: never })).toEqual({ kind: 'absent' });
  const { end } = await collect(runJob(connection, job, { signal: never }));
  expect(end.outcome).toEqual({ kind: 'exited', code: 0 });
});

test('the status of a job is known at each point of its life', async () => {
  await using connection = await open();
  const job = newJob({ program: script('until [ -e gate ]; do sleep 0.01; done; exit 5') });
  const status = () => jobStatus(connection, job, { signal: never });
  expect(await status()).toEqual({ kind: 'absent' });
  const running = collect(runJob(connection, job, { signal: never }));
  await eventually(async () => (await status()).kind === 'running', { what: 'the job runs' });
  writeFileSync(join(guest.home, 'gate'), '');
  await running;
  expect(await status()).toEqual({ kind: 'ended', outcome: { kind: 'exited', code: 5 } });
});

test('a job whose supervisor was killed is lost, whoever asks (I9)', async () => {
  await using connection = await open();
  const job = newJob({ program: script('kill -9 $PPID; sleep 600') });
  const { end } = await collect(runJob(connection, job, { signal: never }));
  expect(end.outcome).toMatchObject({ kind: 'lost', reason: expect.stringMatching(/supervisor was killed/) });
  expect(await jobStatus(connection, job, { signal: never })).toMatchObject({ outcome: { kind: 'lost' } });
  const again = await collect(runJob(connection, job, { signal: never }));
  expect(again.end.outcome.kind).toBe('lost');
});

test('a job that was never started is lost to who follows it', async () => {
  await using connection = await open();
  const { end } = await collect(followJob(connection, { name: 'never-started' }, { signal: never }));
  expect(end.outcome).toEqual({ kind: 'lost', reason: 'it was never started here' });
});
