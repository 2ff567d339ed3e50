import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lendSystem, type TestSystem } from './system.ts';

interface Files {
  readonly id: string;
  readonly artifacts: readonly { readonly path: string; readonly bytes: number; readonly executable: boolean }[];
  readonly unmatched: readonly { readonly pattern: string; readonly note: string }[];
}

let system: TestSystem;
beforeAll(async () => {
  system = await lendSystem();
});
afterAll(() => system[Symbol.asyncDispose]());

it('names at its end what brought no file, lists what there is, and brings it, to be executed where it could be', async () => {
  const run = `mkdir -p out report dots; echo 1 > report/a.txt; echo 2 > dots/.env
printf '#!/bin/sh\\necho ran\\n' > out/tool; chmod 755 out/tool
printf x > "$(printf 'out/two\\nlines.txt')"`;
  const artifacts = ['out/*', 'report', 'dots/*', 'missing/*.xml'];
  const ran = await system.vmTask(['run', await system.taskFile({ run, artifacts })]);
  expect(ran).toMatchObject({ exitCode: 0 });
  for (const note of ['report is a folder: write report/**', 'dots/* matches only', 'no file matches missing/*.xml']) {
    expect(ran.stderr).toContain(`vm-task: ${note}`);
  }
  const { tasks } = await system.json<{ tasks: { id: string }[] }>(['list']);
  const id = tasks[0]?.id ?? '';
  const files = await system.json<Files>(['files', id]);
  expect(files.artifacts.map(({ path, bytes, executable }) => [path, bytes, executable]).sort()).toEqual([
    ['out/tool', 19, true],
    ['out/two\nlines.txt', 1, false],
  ]);
  expect(files.unmatched.map(({ pattern }) => pattern)).toEqual(['report', 'dots/*', 'missing/*.xml']);
  expect((await system.vmTask(['show', id])).stdout).toContain('"out/two\\nlines.txt"');
  await using folder = await makeTempFolder('e2e-files');
  expect(await system.vmTask(['get', id, 'out/tool', '--to', folder.path])).toMatchObject({ exitCode: 0 });
  expect(await readFile(join(folder.path, 'tool'), 'utf8')).toBe('#!/bin/sh\necho ran\n');
  expect((await stat(join(folder.path, 'tool'))).mode & 0o100).toBe(0o100);
  expect((await system.vmTask(['get', id, 'out/two\nlines.txt', '--to', '-'])).stdout).toBe('x');
});

it('a program that one stage has made is run by the next', async () => {
  const path = await system.taskFile({
    stages: {
      make: { run: `printf '#!/bin/sh\\necho made\\n' > tool; chmod 755 tool`, artifacts: ['tool'] },
      use: { needs: ['make'], run: '"$VM_TASK_NEEDS_FILES/make/tool" > "$VM_TASK_RESULT"' },
    },
  });
  const ran = await system.vmTask(['pipeline', 'run', path, '--json']);
  expect(ran).toMatchObject({ exitCode: 0 });
  const { stages } = JSON.parse(ran.stdout) as { stages: { runs: { task: { result: unknown } }[] }[] };
  expect(stages[1]?.runs[0]?.task.result).toBe('made\n');
});

it('a name that is not UTF-8 fails the task, in escapes, and the other files are there', async () => {
  const run = `mkdir -p out; echo k > out/ok; printf j > "$(printf 'out/latin\\374.txt')"`;
  const ran = await system.vmTask(['run', '--json', await system.taskFile({ run, artifacts: ['out/*'] })]);
  expect(ran).toMatchObject({ exitCode: 125 });
  const view = JSON.parse(ran.stdout) as Files & { error: { code: string; message: string } };
  expect(view.error.code).toBe('artifact-refused');
  expect(view.error.message).toContain('"out/latin\\ufffd.txt": its name is not UTF-8');
  expect(view.artifacts.map(({ path }) => path)).toEqual(['out/ok']);
});
