import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readEnvironment } from '@vm-task/shared/environment';
import { patternOf, printedBy, scriptOf, stepsOf } from '@vm-task/testing/tutorial';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lendSystem, repositoryRoot, type TestSystem } from './system.ts';

const execute = promisify(execFile);
const mark = '=the-end-of-a-step=';

let system: TestSystem;
beforeAll(async () => {
  system = await lendSystem();
});
afterAll(() => system[Symbol.asyncDispose]());

/** Runs the script as somebody whose home is empty; returns all that it prints, in its order. */
async function run(script: string): Promise<string> {
  const { root } = system.home;
  const file = join(root, 'tutorial.sh');
  await writeFile(file, script);
  // Both streams are one pipe, and nothing waits for somebody who types.
  const { stdout } = await execute('bash', ['-c', 'exec bash "$0" 2>&1 < /dev/null', file], {
    cwd: repositoryRoot,
    env: { ...process.env, HOME: root, VM_TASK_HOME: root, VM_TASK_CACHE: readEnvironment().cache.root },
  });
  return stdout;
}

it('docs/tutorial.md as written: every command, in its order, prints what the page shows', async () => {
  const steps = stepsOf(await readFile(join(repositoryRoot, 'docs/tutorial.md'), 'utf8'));
  expect(steps.length).toBeGreaterThan(8);
  const printed = printedBy(await run(scriptOf(steps, mark)), mark);
  for (const [index, { line, shown }] of steps.entries()) {
    const where = `docs/tutorial.md, the commands from line ${line} on`;
    expect(printed[index], where).toMatchObject({ exitCode: 0 });
    if (shown !== null) expect(printed[index]?.output, where).toMatch(patternOf(shown));
  }
});
