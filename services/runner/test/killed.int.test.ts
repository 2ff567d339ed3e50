/** The runner, killed and drained, at every point of an attempt: as a process of its own, for real. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { describe, expect, test } from 'vitest';
import type { Rig, Task } from './rig.ts';
import { startProcessRig, startRunnerProcess } from './runner-process.ts';

/** Counts every tenth of a second on both streams until it is told to end, and writes down that it was started. */
const counting =
  'echo $$ >> starts; i=0; until [ -e over ]; do i=$((i + 1)); echo "line $i"; echo "error $i" >&2; sleep 0.1; done; exit 9';

/** As long as the test needs, however busy the machine is. */
const endCounting = (rig: Rig) => writeFile(join(rig.guest.home, 'work/over'), '');

async function expectUndisturbed(rig: Rig, task: Task): Promise<void> {
  expect(await rig.completed(task)).toMatchObject({ outcome: 'failed', exitCode: 9, error: null });
  const { stdout, stderr } = await rig.output(task);
  const count = stdout.toString().split('\n').length - 1;
  const counted = (word: string) => Array.from({ length: count }, (_, i) => `${word} ${i + 1}\n`).join('');
  expect(stdout.toString()).toBe(counted('line'));
  expect(stderr.toString()).toBe(counted('error'));
  expect((await readFile(join(rig.guest.home, 'work/starts'), 'utf8')).trim().split('\n')).toHaveLength(1);
  expect((await rig.events(task)).filter(({ type }) => type === 'task.completed')).toHaveLength(1);
}

const outputGrows = async (rig: Rig, task: Task) => {
  const { length } = (await rig.output(task)).stdout;
  await eventually(async () => (await rig.output(task)).stdout.length > length, {
    what: 'more output',
    limitMs: 60_000,
  });
};

describe.concurrent('a runner', () => {
  test('that is killed five times during one process leaves no trace in what the process wrote', async () => {
    await using rig = await startProcessRig();
    const task = await rig.submit({ run: counting });
    for (let kill = 1; kill <= 5; kill++) {
      await using runner = await startRunnerProcess(rig);
      await outputGrows(rig, task);
      await runner.end('SIGKILL');
    }
    await using _ = await startRunnerProcess(rig);
    await outputGrows(rig, task);
    await endCounting(rig);
    await expectUndisturbed(rig, task);
    const resumptions = (await rig.events(task)).filter(({ type }) => type === 'task.resumed');
    expect(resumptions).toHaveLength(5);
  });

  test('that is killed during a setup step, and then between two, has no step run twice', async () => {
    await using rig = await startProcessRig();
    const step = (name: string) => ({ run: `echo ${name} >> steps; echo "${name} begun"; sleep 2; echo ${name} over` });
    const task = await rig.submit({ setup: [step('one'), step('two')], run: 'cat steps' });
    for (const seen of ['one begun', 'two begun']) {
      await using runner = await startRunnerProcess(rig);
      await eventually(async () => (await rig.output(task)).setup.includes(seen), { what: seen, limitMs: 60_000 });
      await runner.end('SIGKILL');
    }
    await using _ = await startRunnerProcess(rig);
    expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', result: { value: 'one\ntwo\n' } });
    const lines = ['one begun', 'one over', '# setup 2 of 2: run', 'two begun', 'two over'];
    expect((await rig.output(task)).setup.toString()).toBe(`# setup 1 of 2: run\n${lines.join('\n')}\n`);
  });

  test('that is killed after the process and before the terminal event leaves the end to its successor', async () => {
    await using rig = await startProcessRig();
    const runner = await startRunnerProcess(rig);
    const task = await rig.submit({ run: counting });
    await outputGrows(rig, task);
    // Nothing can be stored any more, so the process ends, and its terminal event cannot be told.
    await rig.broker.server.pause();
    await endCounting(rig);
    await eventually(() => rig.guest.jobProcesses().length === 0, { what: 'the process has ended' });
    await runner.end('SIGKILL');
    rig.broker.server.resume();
    await using _ = await startRunnerProcess(rig);
    await expectUndisturbed(rig, task);
  });

  test('that is drained hands over what does not end within its grace, at once, and leaves nothing', async () => {
    await using rig = await startProcessRig();
    const task = await rig.submit({ run: counting });
    const drained = await startRunnerProcess(rig);
    await outputGrows(rig, task);
    const gone = drained.end('SIGTERM');
    const later = await rig.submit({ run: 'echo short' });
    await using _ = await startRunnerProcess(rig);
    // A drained runner takes nothing new: this one is its successor's.
    expect(await rig.completed(later)).toMatchObject({ outcome: 'succeeded' });
    expect(drained.log()).not.toContain(later.task);
    expect(await gone).toBe(0);
    await endCounting(rig);
    await expectUndisturbed(rig, task);
    expect((await rig.events(task)).filter(({ type }) => type === 'task.resumed')).toHaveLength(1);
  });
});
