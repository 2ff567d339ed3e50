/** A result that is set while its job ends: told with the end, or refused; what is said and what is told agree. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { completeJob } from './complete-job.ts';
import { connect, type GuestConnection } from './connect.ts';
import { encodeKey } from './encode-job.ts';
import { Exchange } from './exchange.ts';
import { bare } from './frames.ts';
import type { Job } from './job.ts';
import { runJob } from './run-job.ts';
import { jobStatus } from './stop-job.ts';
import { jobProgram } from './supervisor.ts';
import { collect, never, newJob, script } from './test-job.ts';

let guest: SshGuest;
let connection: GuestConnection;

beforeAll(async () => {
  guest = await startSshGuest();
  connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
});

afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  await guest[Symbol.asyncDispose]();
});

const setting = 'my $is_first = link $new, "$dir/first";';
/** Perl that makes a file which says that it is here, and waits for one that lets it go on. */
const pause = (name: string) =>
  `put("$ENV{HOME}/${name}-here", ''); select undef, undef, undef, 0.01 until -e "$ENV{HOME}/${name}-on";`;

/** Sets a result with a program that waits before or behind the very moment in which it is set. */
async function completeSlowly(job: Job, name: string, where: 'before' | 'behind'): Promise<string> {
  const text = jobProgram.toString();
  expect(text).toContain(setting);
  const slow = text.replace(setting, () => (where === 'before' ? pause(name) + setting : setting + pause(name)));
  const request = [['verb', 'complete'], ...encodeKey(job), ['key', 'k'], ['result', 'told']] as const;
  using exchange = await Exchange.open(connection, Buffer.from(slow), request, never);
  return (await exchange.frame({ completed: bare, twice: bare, over: bare })).kind;
}

const make = (name: string) => writeFileSync(join(guest.home, name), '');
const isThere = (name: string) => eventually(() => guestHas(name), { what: `${name} is there` });
const guestHas = async (name: string) => {
  const { end } = await collect(
    runJob(connection, newJob({ program: script(`[ -e "$HOME/${name}" ]`) }), { signal: never }),
  );
  return end.outcome.kind === 'exited' && end.outcome.code === 0;
};

async function runningJob(name: string): Promise<{ job: Job; ended: () => ReturnType<typeof collect> }> {
  const job = newJob({ program: script(`until [ -e "$HOME/${name}-end" ]; do sleep 0.01; done`) });
  const running = runJob(connection, job, { signal: never });
  await running.next();
  return {
    job,
    ended: async () => {
      make(`${name}-end`);
      return await collect(running);
    },
  };
}

test('a result that was set before the end is told, and whoever set it hears so, even after the end', async () => {
  const { job, ended } = await runningJob('late-answer');
  const completing = completeSlowly(job, 'late-answer', 'behind');
  await isThere('late-answer-here');
  const { end } = await ended();
  make('late-answer-on');
  expect(end.result?.toString()).toBe('told');
  expect(await completing).toBe('completed');
  expect(await completeJob(connection, job, { key: 'k', result: Buffer.from('told') }, { signal: never })).toBe(
    'completed',
  );
});

test('a result that comes with the end is refused, and not told to whoever asks later either', async () => {
  const { job, ended } = await runningJob('too-late');
  const completing = completeSlowly(job, 'too-late', 'before');
  await isThere('too-late-here');
  expect((await ended()).end.result).toBeNull();
  make('too-late-on');
  expect(await completing).toBe('over');
  expect((await collect(runJob(connection, job, { signal: never }))).end.result).toBeNull();
  expect(await jobStatus(connection, job, { signal: never })).toMatchObject({ kind: 'ended' });
});

test('of a job that nobody set a result of, services of 0.2.0-rc.1 read what it wrote: no empty result stands before it', async () => {
  const job = newJob({ program: script('echo written > "$VM_TASK_RESULT"') });
  const { end } = await collect(runJob(connection, job, { signal: never }));
  expect(end.result?.toString()).toBe('written\n');
  const search = newJob({ program: script('find "$HOME/.vm-task" -name completed -empty') });
  const found = await collect(runJob(connection, search, { signal: never }));
  expect(found.stdout.toString()).toBe('');
});
