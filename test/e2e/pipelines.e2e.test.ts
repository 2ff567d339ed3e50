import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lendSystem, repositoryRoot, type TestSystem } from './system.ts';

interface Shown {
  readonly id: string;
  readonly status: string;
  readonly outcome: string | null;
  readonly resumedFrom: string | null;
  readonly stages: readonly {
    readonly name: string;
    readonly standing: string;
    readonly runs: readonly {
      readonly recorded: boolean;
      readonly task: { readonly id: string; readonly vm: string | null; readonly result: unknown } | null;
    }[];
  }[];
}

let system: TestSystem;
beforeAll(async () => {
  system = await lendSystem();
});
afterAll(() => system[Symbol.asyncDispose]());

const show = async (id: string): Promise<Shown> =>
  JSON.parse((await system.vmTask(['pipeline', 'show', '--json', id])).stdout) as Shown;
const resultsOf = ({ stages }: Shown, stage: string) =>
  stages.find(({ name }) => name === stage)?.runs.map(({ task }) => task?.result);

it('examples/pipeline.yaml as written: items of a list, each in a VM of its own, and a report of all', async () => {
  const file = join(repositoryRoot, 'examples/pipeline.yaml');
  const ran = await system.vmTask(['pipeline', 'run', file, '--set', 'limit=1', '--json']);
  expect(ran).toMatchObject({ exitCode: 0 });
  const view = JSON.parse(ran.stdout) as Shown;
  expect(view).toMatchObject({ status: 'completed', outcome: 'succeeded' });
  expect(resultsOf(view, 'report')).toEqual([
    { checked: 3, spam: ['free-money-now.example', 'win-win-win-win.example'] },
  ]);
  const vms = view.stages.flatMap(({ runs }) => runs.map(({ task }) => task?.vm));
  expect(new Set(vms).size).toBe(5);
  const shown = (await system.vmTask(['pipeline', 'show', view.id])).stdout;
  for (const text of ['✓ collect', '└─ ✓ check', 'check[2]', '例子.测试', vms[0]]) expect(shown).toContain(text);
});

it('a stage waits for a decision, and a pipeline that failed goes on from there', async () => {
  const path = await system.taskFile({
    stages: {
      make: { run: 'printf 7 > "$VM_TASK_RESULT"' },
      ask: { kind: 'approval', needs: ['make'], description: 'Go on with ${{ needs.make.result }}?' },
      use: { needs: ['make', 'ask'], inputs: { n: '${{ needs.make.result }}' }, run: 'echo "$VM_TASK_INPUT_N"' },
    },
  });
  const answer = async (running: ReturnType<TestSystem['start']>, verb: string) => {
    await running.printed('waits for ./vm-task approve');
    const listed = (await system.vmTask(['pipeline', 'list', '--json'])).stdout;
    const { pipelines } = JSON.parse(listed) as { pipelines: { id: string }[] };
    const view = await show(pipelines[0]?.id ?? '');
    const task = view.stages.find(({ name }) => name === 'ask')?.runs[0]?.task?.id ?? '';
    const answered = await system.vmTask([verb, task, '--by', '李', '--comment', 'because']);
    expect(answered).toMatchObject({ exitCode: 0 });
    expect((await system.vmTask([verb, task])).stderr).toContain('task-already-over');
    return view.id;
  };
  const first = system.start(['pipeline', 'run', path]);
  const failed = await answer(first, 'reject');
  expect(await first.finished).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('rejected by 李: because'),
  });
  const second = system.start(['pipeline', 'resume', failed]);
  const resumed = await answer(second, 'approve');
  expect(await second.finished).toMatchObject({ exitCode: 0 });
  const view = await show(resumed);
  expect(view.resumedFrom).toBe(failed);
  expect(view.stages.map(({ name, runs }) => [name, runs[0]?.recorded])).toEqual([
    ['make', true],
    ['ask', false],
    ['use', false],
  ]);
  expect(resultsOf(view, 'use')).toEqual(['7\n']);
  await eventually(async () => (await system.vmTask(['audit'])).exitCode === 0, { what: 'nothing leaked' });
});

it('a stage goes on in the VM of an earlier one, with what that left there, and then the VM is gone', async () => {
  const path = await system.taskFile({
    stages: {
      build: { run: 'echo 构建 > made.txt; vm-task progress made; (sleep 600 > /dev/null 2>&1 &) ; hostname' },
      elsewhere: { needs: ['build'], run: 'test ! -e made.txt; hostname' },
      test: {
        needs: ['elsewhere'],
        vm: { of: 'build' },
        run: 'vm-task progress seen; cat made.txt; pgrep -c sleep || true; hostname',
      },
    },
  });
  const ran = await system.vmTask(['pipeline', 'run', path, '--json']);
  expect(ran).toMatchObject({ exitCode: 0 });
  const view = JSON.parse(ran.stdout) as Shown;
  const [build, elsewhere, test] = view.stages.map(({ runs }) => runs[0]?.task);
  expect(test?.vm).toBe(build?.vm);
  expect(elsewhere?.vm).not.toBe(build?.vm);
  // Nothing that the first one had started runs on.
  expect(test?.result).toBe(`构建\n0\n${build?.result}`);
  const folder = join(system.home.vms, build?.vm ?? '');
  await eventually(async () => !existsSync(folder), { what: 'the VM is gone' });
  const { events } = JSON.parse((await system.vmTask(['events', '--json', test?.id ?? ''])).stdout) as {
    events: { type: string }[];
  };
  expect(events.map(({ type }) => type)).toEqual([
    'task.created',
    'vm.ready',
    'task.setup.done',
    'task.completed',
    'vm.gone',
  ]);
  expect(await system.vmTask(['audit'])).toMatchObject({ exitCode: 0 });
});
