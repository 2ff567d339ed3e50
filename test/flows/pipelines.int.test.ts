import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stageStatusesOf } from '@vm-task/pipelines/decisions/next-steps';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { beginPipeline, everything, expectSound, overOf, resultOf } from './pipelines.ts';
import { startSystem } from './system.ts';

/** Prints what it was given of the stages that it needs, as its result. */
const needs = 'cat "$VM_TASK_NEEDS" > "$VM_TASK_RESULT"';
const result = (json: string) => `printf '%s' '${json}' > "$VM_TASK_RESULT"`;

test('results and items go from stage to stage, by themselves', async () => {
  await using system = await startSystem({ copies: 2 });
  const pipeline = await beginPipeline(system, {
    parameters: { greeting: { type: 'string', default: '你好' } },
    stages: {
      list: { run: result('{"domains":["垃圾.example","b.example","c.example"]}') },
      each: {
        needs: ['list'],
        forEach: '${{ needs.list.result.domains }}',
        inputs: { domain: '${{ item }}', greeting: '${{ params.greeting }}' },
        run: 'printf "%s %s" "$VM_TASK_INPUT_GREETING" "$VM_TASK_INPUT_DOMAIN" > "$VM_TASK_RESULT"',
      },
      large: { run: 'head -c 40000 /dev/zero | tr "\\0" x > "$VM_TASK_RESULT"' },
      sum: { needs: ['each', 'large'], run: needs },
    },
  });
  const state = await overOf(system, pipeline);
  expect(state.phase).toMatchObject({ outcome: 'succeeded' });
  expect(await resultOf(system, state, 'sum')).toMatchObject({
    each: { outcome: 'succeeded', results: ['你好 垃圾.example', '你好 b.example', '你好 c.example'] },
    large: { outcome: 'succeeded', result: 'x'.repeat(40_000) },
  });
  await expectSound(system, pipeline);
});

test('a failure stops what has not begun, and cancelling ends every task', async () => {
  await using system = await startSystem();
  const failing = await beginPipeline(system, {
    stages: {
      a: { run: 'exit 3' },
      b: { needs: ['a'], run: 'true' },
      tell: { onFailure: true, inputs: { why: '${{ needs.a.error.code }}' }, run: 'printf "$VM_TASK_INPUT_WHY"' },
    },
  });
  const failed = await overOf(system, failing);
  expect(stageStatusesOf(failed)).toEqual({ a: 'failed', b: 'skipped', tell: 'succeeded' });
  expect(await resultOf(system, failed, 'tell')).toBe('process-failed');
  await expectSound(system, failing);

  const endless = await beginPipeline(system, {
    stages: { a: { run: 'sleep 1000' }, b: { run: 'sleep 1000' }, c: { needs: ['a'], run: 'true' } },
  });
  const isRunning = async () => {
    const events = await everything(system);
    const ready = events.filter(({ type }) => type === 'task.setup.done');
    return ready.length >= 4;
  };
  await eventually(isRunning, { what: 'both stages run', limitMs: 60_000 });
  await system.broker.connection.js.publish('pipeline.cancel', JSON.stringify({ pipeline: endless }));
  const cancelled = await overOf(system, endless);
  expect(cancelled.phase).toMatchObject({ outcome: 'cancelled' });
  expect(stageStatusesOf(cancelled)['c']).toBe('skipped');
  await expectSound(system, endless);
});

test('a pipeline goes on when every service is killed and replaced in the middle of each stage', async () => {
  await using system = await startSystem({ copies: 0 });
  let services = await system.startServices();
  const step = 'sleep 1; echo ran >> "$HOME/$VM_TASK_INPUT_NAME"; printf "$VM_TASK_INPUT_NAME" > "$VM_TASK_RESULT"';
  const stage = (name: string, needed: string[]) => ({ needs: needed, inputs: { name }, run: step });
  const pipeline = await beginPipeline(system, {
    stages: { one: stage('one', []), two: stage('two', ['one']), three: stage('three', ['two']) },
  });
  for (const seen of [1, 2, 3]) {
    const begun = async () =>
      (await everything(system)).filter(({ type }) => type === 'task.setup.done').length >= seen;
    await eventually(begun, { what: `${seen} stages have begun`, limitMs: 60_000 });
    await services.drain(0);
    services = await system.startServices();
  }
  const state = await overOf(system, pipeline);
  expect(state.phase).toMatchObject({ outcome: 'succeeded' });
  for (const name of ['one', 'two', 'three']) {
    expect(await readFile(join(system.guest.home, name), 'utf8')).toBe('ran\n');
  }
  await expectSound(system, pipeline);
});

test('a question that nobody answers in time has timed out, and what needs it is left out', async () => {
  await using system = await startSystem();
  const pipeline = await beginPipeline(system, {
    stages: { ask: { kind: 'external', deadline: '1s' }, use: { needs: ['ask'], run: 'true' } },
  });
  const state = await overOf(system, pipeline);
  expect(state.phase).toMatchObject({
    outcome: 'failed',
    error: { message: expect.stringContaining('nobody answered within 1s') },
  });
  expect(stageStatusesOf(state)).toEqual({ ask: 'failed', use: 'skipped' });
  await expectSound(system, pipeline);
});
