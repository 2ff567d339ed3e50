import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendRunningSystem, type TestSystem } from './system.ts';
import type { Shown } from './views.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendRunningSystem();
});

afterAll(() => system[Symbol.asyncDispose]());

describe('a task in a VM without any network', () => {
  it('says how far it is, asks for a task of its own, and sets its result once, as any user of the VM', async () => {
    const file = await system.taskFile({
      egress: 'none',
      children: 1,
      inputs: { topic: '垃圾域名' },
      run: `set -e
setpriv --reuid 65534 --clear-groups vm-task progress --percent 50 half of "$(vm-task inputs)"
id=$(echo "{ run: 'echo child' }" | vm-task submit)
until vm-task task "$id" | grep -q '"outcome":"succeeded"'; do sleep 0.5; done
vm-task complete --result '{"answer": 42}'
vm-task complete --result again || echo "refused: $?"`,
    });
    const running = system.start(['run', file]);
    const task = await eventually(
      async () => {
        const { tasks } = await system.client.tasks.list({});
        const shown = await system.client.tasks.show(tasks.at(-1)?.id ?? '');
        return shown.progress === null ? null : shown;
      },
      { what: 'its progress is shown', limitMs: 120_000 },
    );
    expect(task.progress).toMatchObject({ percent: 50, text: 'half of {"topic":"垃圾域名"}' });
    const { exitCode, stdout, stderr } = await running.finished;
    expect(stdout, stderr).toContain('refused: 1');
    expect(exitCode).toBe(0);
    expect(await system.json<Shown>(['show', task.id])).toMatchObject({ result: { answer: 42 }, progress: null });
  });
});
