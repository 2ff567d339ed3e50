/** Whatever a guest does, its own attempt pays for it: other tasks of the runner go on, and its log and memory stay small. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logSubject } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { type Attack, type MaliciousGuest, startMaliciousGuest } from '@vm-task/testing/malicious-guest';
import { sampleHost } from '@vm-task/testing/sample-events';
import { runSeed } from '@vm-task/testing/seed';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askingInside, endless, hangingUp, type InsideCount, randomFrames } from './attacks.ts';
import type { Rig, Task } from './rig.ts';
import { type RunnerProcess, startProcessRig, startRunnerProcess } from './runner-process.ts';

const MiB = 1024 * 1024;
/** Of one attack: a few lines, each cut. */
const logMaxBytes = 64 * 1024;
/** Over what it was before: some 100 MB are not collected yet, after a hundred hostile requests as after thousands. */
const memoryMaxBytes = 160 * MiB;
/** Lines of the victim that must come while an attack goes on, or right behind it. */
const linesMin = 10;

let rig: Rig;
let runner: RunnerProcess;
let victim: Task;

beforeAll(async () => {
  rig = await startProcessRig();
  runner = await startRunnerProcess(rig);
  victim = await rig.submit({
    run: 'i=0; while [ ! -e stop ]; do i=$((i + 1)); echo "line $i"; sleep 0.05; done',
    timeouts: { run: '1h', total: '2h' },
  });
  await eventually(async () => (await victimBytes()) > 0, { what: 'the victim runs' });
});

afterAll(async () => {
  await runner[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

async function victimBytes(): Promise<number> {
  const subject = logSubject(victim.task, 1, 'stdout', sampleHost);
  const last = await rig.broker.connection.jsm.streams.getMessage('LOGS', { last_by_subj: subject });
  return last === null ? 0 : Number(last.header.get('vm-task-offset')) + last.data.length;
}

/** Returns when so many more lines of the victim are stored. */
async function victimGoesOn(): Promise<void> {
  const before = await victimBytes();
  await eventually(async () => (await victimBytes()) > before + linesMin * 'line 1\n'.length, {
    what: 'the victim goes on',
    limitMs: 30_000,
  });
}

/** What only this process has in memory. */
function privateBytes(): number {
  const text = readFileSync(`/proc/${runner.pid}/smaps_rollup`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return of('Private_Dirty') + of('Private_Clean');
}

interface Cost {
  readonly logBytes: number;
  readonly memoryBytes: number;
}

/** What `use` cost the runner; its memory is looked at all the while. */
async function costOf(use: () => Promise<void>): Promise<Cost> {
  const log = runner.log().length;
  const before = privateBytes();
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, privateBytes());
  }, 50);
  try {
    await use();
  } finally {
    clearInterval(looking);
  }
  return { logBytes: runner.log().length - log, memoryBytes: Math.max(most, privateBytes()) - before };
}

async function attackWith(attack: Attack, use: (guest: MaliciousGuest, task: Task) => Promise<void>): Promise<void> {
  await using guest = await startMaliciousGuest(attack);
  const cost = await costOf(async () => {
    const file = { run: 'true', output: { maxBytes: 16 * MiB }, children: 5, retry: { maxAttempts: 1 } };
    const task = await rig.submitTo(guest, file);
    await eventually(() => guest.logins > 0, { what: 'the attack begins' });
    await victimGoesOn();
    await use(guest, task);
    await victimGoesOn();
  });
  expect(cost.logBytes).toBeLessThan(logMaxBytes);
  expect(cost.memoryBytes).toBeLessThan(memoryMaxBytes);
}

async function expectGuestFailed(guest: MaliciousGuest, task: Task): Promise<void> {
  expect(await rig.completed(task)).toMatchObject({ outcome: 'failed', error: { code: 'guest-failed' } });
  const { message = '' } = (await rig.completed(task)).error ?? {};
  expect(message.length).toBeLessThan(1_000);
  await eventually(() => guest.connections === 0, { what: 'the connection is dropped' });
}

test.each(Object.keys(endless))('%s without end', async (name) => {
  await attackWith(endless[name] as Attack, expectGuestFailed);
});

const seed = runSeed('frames of a malicious guest');

test.each([0, 1, 2, 3, 4])('frames by chance, %i', async (n) => {
  await attackWith(randomFrames(seed + n), expectGuestFailed);
});

test('requests from inside, of every kind and with any values', async () => {
  const count: InsideCount = { answers: 0 };
  let isOver = false;
  await attackWith(
    askingInside(seed, count, () => isOver),
    async (guest, task) => {
      await eventually(() => count.answers > 100, { what: 'a hundred answers', limitMs: 60_000 });
      isOver = true;
      await expectGuestFailed(guest, task);
    },
  );
});

test('connections that end as soon as something is asked on them', async () => {
  await attackWith(hangingUp, async (guest) => {
    await eventually(() => guest.logins > 4, { what: 'it comes again' });
    await victimGoesOn();
  });
});

// The last one: it ends the victim.
test('what the victim wrote is all there, in order', async () => {
  await writeFile(join(rig.guest.home, 'work/stop'), '');
  expect(await rig.completed(victim)).toMatchObject({ outcome: 'succeeded', attempt: 1 });
  const { stdout } = await rig.output(victim);
  const lines = stdout.toString().trim().split('\n');
  expect(lines).toEqual(lines.map((_, i) => `line ${i + 1}`));
});
