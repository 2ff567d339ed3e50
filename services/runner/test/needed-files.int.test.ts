import { artifactName, storeArtifact } from '@vm-task/bus/artifacts';
import type { Needs } from '@vm-task/shared/needs';
import { newTaskId } from '@vm-task/shared/new-ids';
import type { Artifact } from '@vm-task/shared/task-ending';
import { sampleHost as host } from '@vm-task/testing/sample-events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, startRunningRig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRunningRig();
});

afterAll(() => rig[Symbol.asyncDispose]());

/** A run of a stage that left one file of this text. */
async function run(
  index: number,
  path: string,
  text: string,
  alter: Partial<Artifact> = {},
): Promise<Needs[string]['runs'][number]> {
  const task = newTaskId(Date.now());
  const content = async function* () {
    yield Buffer.from(text);
  };
  const stored = await storeArtifact(rig.broker.connection, host, artifactName(task, 1), content());
  const artifacts = [{ path, ...stored, ...alter }];
  return { index, task, pool: 'default', outcome: 'succeeded', error: null, output: { result: null, artifacts, host } };
}

function stage(perItem: boolean, runs: Needs[string]['runs']): Needs[string] {
  return { outcome: 'succeeded', perItem, error: null, runs };
}

test('files of needed stages are there before the first setup step, those of items apart', async () => {
  const needs: Needs = {
    one: stage(false, [await run(0, 'out/报告.txt', 'one')]),
    each: stage(true, [await run(0, 'a', 'first'), await run(2, 'a', 'third')]),
  };
  const show = 'cd "$VM_TASK_NEEDS_FILES"; cat one/out/报告.txt each/0/a each/2/a; find . -type f | wc -l';
  const end = await rig.run({ setup: [{ run: `{ ${show}; } > ~/seen` }], run: 'cat ~/seen' }, needs);
  expect(end).toMatchObject({ outcome: 'succeeded', error: null });
  expect(end.result?.value).toBe('onefirstthird3\n');
});

test('a file that could be executed can be executed where it is given', async () => {
  const needs: Needs = { one: stage(false, [await run(0, 'tool', '#!/bin/sh\necho ran\n', { executable: true })]) };
  const end = await rig.run({ run: '"$VM_TASK_NEEDS_FILES"/one/tool' }, needs);
  expect(end).toMatchObject({ outcome: 'succeeded', result: { value: 'ran\n' } });
});

test('a file with other bytes than it had, or that has gone, is never given', async () => {
  for (const alter of [{ sha256: '0'.repeat(64) }, { object: artifactName(newTaskId(Date.now()), 1) }]) {
    const needs: Needs = { one: stage(false, [await run(0, 'a', 'text', alter)]) };
    const end = await rig.run({ run: 'touch "$HOME/ran"' }, needs);
    expect(end).toMatchObject({ outcome: 'failed', error: { code: 'needed-result-gone' } });
  }
});

test('more than a task may be given is refused with both figures', async () => {
  const bytes = 2 * 1024 * 1024 * 1024;
  const needs: Needs = { one: stage(false, [await run(0, 'a', 'text', { bytes })]) };
  const end = await rig.run({ run: 'true' }, needs);
  expect(end).toMatchObject({ outcome: 'failed', error: { code: 'needed-files-too-large' } });
  expect(end.error?.message).toContain(`1 files of ${bytes} bytes`);
});
