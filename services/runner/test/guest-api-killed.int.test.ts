/** A task that asks its runner while that one dies: the successor answers, and what was acknowledged holds. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listMessages } from '@vm-task/bus/inbox';
import { eventually } from '@vm-task/testing/conditions';
import { describe, expect, test } from 'vitest';
import type { Rig, Task } from './rig.ts';
import { startProcessRig, startRunnerProcess } from './runner-process.ts';

const said = async (rig: Rig, task: Task, text: string) => {
  const what = `the process says ${text}`;
  await eventually(async () => (await rig.output(task)).stdout.includes(text), { what, limitMs: 60_000 });
};

const gate = (name: string) => `until [ -e ${name} ]; do sleep 0.05; done`;
const open = (rig: Rig, name: string) => writeFile(join(rig.guest.home, 'work', name), '');

describe.concurrent('a runner that is killed', () => {
  test('with a result that it has acknowledged takes nothing with it, and its successor refuses a second one', async () => {
    await using rig = await startProcessRig();
    const task = await rig.submit({
      run: `vm-task complete --result '"first"' && echo completed; ${gate('go')}
vm-task complete --result '"second"' || echo refused`,
    });
    {
      await using runner = await startRunnerProcess(rig);
      await said(rig, task, 'completed');
      await runner.end('SIGKILL');
    }
    await using _ = await startRunnerProcess(rig);
    await open(rig, 'go');
    expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', result: { value: 'first' } });
    expect((await rig.output(task)).stdout.toString()).toBe('completed\nrefused\n');
  });

  test('is waited for by what the task asks next, which is done once', async () => {
    await using rig = await startProcessRig();
    const task = await rig.submit({
      run: `echo ready; ${gate('go')}; vm-task send --to anna hello && vm-task progress over && echo sent`,
    });
    {
      await using runner = await startRunnerProcess(rig);
      await said(rig, task, 'ready');
      await runner.end('SIGKILL');
    }
    await open(rig, 'go');
    await eventually(() => rig.guest.jobProcesses().length > 1, { what: 'the process asks' });
    await using _ = await startRunnerProcess(rig);
    expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    const { messages } = await listMessages(rig.broker.connection, 'anna', { after: 0, limit: 10 });
    expect(messages.map(({ message }) => message.text)).toEqual(['hello']);
  });
});
