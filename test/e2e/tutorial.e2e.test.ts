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
  // What is missing is set up in the home that everybody has, whose caches make that quick.
  await execute('./vm-task', ['--version'], { cwd: repositoryRoot });
  system = await lendSystem();
});
afterAll(() => system[Symbol.asyncDispose]());

/** More than enough on a busy machine; then what came of it by then is looked at. */
const limitSeconds = 480;

/** Runs the script as somebody whose home is empty; returns all that it prints, in its order. */
async function run(script: string): Promise<string> {
  const { root } = system.home;
  const [file, output] = [join(root, 'tutorial.sh'), join(root, 'tutorial.out')];
  await writeFile(file, script);
  // Both streams are one file, and nothing waits for somebody who types.
  const shell = 'exec timeout --kill-after=5 "$2" bash "$0" > "$1" 2>&1 < /dev/null';
  await execute('bash', ['-c', shell, file, output, `${limitSeconds}`], {
    cwd: repositoryRoot,
    env: { ...process.env, HOME: root, VM_TASK_HOME: root, VM_TASK_CACHE: readEnvironment().cache.root },
  }).catch((error) => console.error(`the tutorial ended with ${error.code}`));
  return await readFile(output, 'utf8');
}

it('docs/tutorial.md as written: every command, in its order, prints what the page shows', async () => {
  const steps = stepsOf(await readFile(join(repositoryRoot, 'docs/tutorial.md'), 'utf8'));
  expect(steps.length).toBeGreaterThan(8);
  const output = await run(scriptOf(steps, mark));
  const printed = printedBy(output, mark);
  for (const [index, { line, shown }] of steps.entries()) {
    const where = `docs/tutorial.md, the commands from line ${line} on`;
    expect(printed[index], `${where}; it printed ${output}`).toMatchObject({ exitCode: 0 });
    if (shown !== null) expect(printed[index]?.output, where).toMatch(patternOf(shown));
  }
});
