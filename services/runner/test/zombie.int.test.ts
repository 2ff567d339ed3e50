/** Two runners on one attempt, and one that comes back when others have gone on: the broker refuses it (I3, I8, I10). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Draft } from '@vm-task/shared/events';
import { eventually } from '@vm-task/testing/conditions';
import { sampleHost } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { append, beginDurableAnew, type Rig, type Task } from './rig.ts';
import { type RunnerProcess, startProcessRig, startRunnerProcess } from './runner-process.ts';

const counting = (count: number) =>
  `echo $$ >> starts; i=0; while [ $i -lt ${count} ]; do i=$((i + 1)); echo "line $i"; sleep 0.1; done`;
const counted = (count: number) => Array.from({ length: count }, (_, i) => `line ${i + 1}\n`).join('');

const hasOutput = (rig: Rig, task: Task) =>
  eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'output', limitMs: 60_000 });

/** What the service says that it tried to publish, and what the broker answered. */
function refusals({ log }: RunnerProcess): Record<string, unknown>[] {
  const lines = log()
    .split('\n')
    .filter((line) => line.includes('the broker refused'));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Waits until one of them is refused, and prints the first refusal. */
async function expectRefused(who: string, ...runners: readonly RunnerProcess[]): Promise<void> {
  const first = () => runners.flatMap(refusals)[0];
  const { msg, type, expected, found, err } = await eventually(first, { what: `${who} is refused`, limitMs: 60_000 });
  const answer = (err as { message?: string } | undefined)?.message;
  process.stdout.write(`${who}: ${JSON.stringify({ msg, type, expected, found, answer })}\n`);
}

async function expectOneEnd(rig: Rig, task: Task): Promise<void> {
  const types = (await rig.events(task)).map(({ type }) => type);
  expect(types.filter((type) => type === 'task.completed')).toHaveLength(1);
  expect(types.at(-1)).toBe('task.completed');
}

const startsOf = async (rig: Rig) =>
  (await readFile(join(rig.guest.home, 'work/starts'), 'utf8')).trim().split('\n').length;

test.concurrent('two runners that are forced onto one attempt: one process, one output, one end', async () => {
  await using rig = await startProcessRig();
  await using first = await startRunnerProcess(rig);
  const task = await rig.submit({ run: counting(150) });
  await hasOutput(rig, task);
  // The durable that begins anew delivers the message as if for the first time, while the first runner works on it.
  await beginDurableAnew(rig);
  await using second = await startRunnerProcess(rig);
  await expectRefused('one of two on one attempt', first, second);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded' });
  expect((await rig.output(task)).stdout.toString()).toBe(counted(150));
  expect(await startsOf(rig)).toBe(1);
  await expectOneEnd(rig, task);
});

test.concurrent('a runner that was stopped and comes back after its replacement has written is refused', async () => {
  await using rig = await startProcessRig();
  await using paused = await startRunnerProcess(rig);
  const task = await rig.submit({ run: counting(200) });
  await hasOutput(rig, task);
  paused.signal('SIGSTOP');
  await using _replacement = await startRunnerProcess(rig);
  const isResumed = async () => (await rig.events(task)).some(({ type }) => type === 'task.resumed');
  await eventually(isResumed, { what: 'the replacement has taken over', limitMs: 60_000 });
  const { length } = (await rig.output(task)).stdout;
  await eventually(async () => (await rig.output(task)).stdout.length > length, { what: 'the replacement writes' });
  paused.signal('SIGCONT');
  await expectRefused('stopped, and continued during the attempt', paused);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded' });
  expect((await rig.output(task)).stdout.toString()).toBe(counted(200));
  expect(await startsOf(rig)).toBe(1);
  await expectOneEnd(rig, task);
});

test.concurrent('a zombie of the first attempt can end nothing during the second', async () => {
  await using rig = await startProcessRig();
  await using zombie = await startRunnerProcess(rig);
  const task = await rig.submit({ run: 'echo begun; sleep 4; echo over', retry: { on: ['run'], backoff: '1s' } });
  await hasOutput(rig, task);
  zombie.signal('SIGSTOP');
  // What the reaper does when a VM is lost.
  const { pool, ready } = task;
  const retrying: Draft<'task.retrying'> = {
    type: 'task.retrying',
    data: {
      v: 1,
      task: task.task,
      pool,
      attempt: 1,
      next: 2,
      vm: ready.data.vm,
      phase: 'run',
      exitCode: null,
      error: { code: 'vm-lost', message: 'the VM is lost' },
      notBefore: new Date().toISOString(),
    },
    host: sampleHost,
  };
  await append(rig.broker.bus, retrying, ready.seq);
  await using _second = await startRunnerProcess(rig);
  await rig.nextAttempt(task);
  await eventually(() => rig.guest.jobProcesses().length >= 2, { what: 'the second attempt runs', limitMs: 60_000 });
  zombie.signal('SIGCONT');
  await expectRefused('of attempt 1, during attempt 2', zombie);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', attempt: 2 });
  await expectOneEnd(rig, task);
});
