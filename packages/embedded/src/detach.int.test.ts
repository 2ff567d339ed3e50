/** Several commands that need the system, at once, on a home that is not up. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { homeAt } from '@vm-task/shared/home';
import { processesThatName } from '@vm-task/testing/processes';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';

const cli = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));
const config = 'pools: { default: { max: 1, warm: 0 } }\nhttp: { port: 0 }\nnats: { port: 0 }\n';

function vmTask(home: string, ...args: readonly string[]) {
  const command = ['--disable-warning=ExperimentalWarning', cli, ...args, '--home', home];
  return promisify(execFile)(process.execPath, command).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code: code as number, stdout: stdout as string, stderr: stderr as string }),
  );
}

test('all of several first commands find the system up, and one has started it', async () => {
  await using folder = await makeTempFolder('detach');
  const home = homeAt(folder.path);
  await writeFile(home.config, config);
  try {
    const ups = await Promise.all([1, 2, 3].map(() => vmTask(folder.path, 'up', '--detach')));
    expect(
      ups.map(({ code }) => code),
      ups.map(({ stderr }) => stderr).join(''),
    ).toEqual([0, 0, 0]);
    const said = await readFile(join(home.logs, 'up.log'), 'utf8');
    expect(said).not.toContain('already-up');
    expect(said.match(/ready/g)).toHaveLength(1);
    const { stderr } = await vmTask(folder.path, 'show', 'ABCDEFAB');
    expect(stderr).toContain('there is no task abcdefab');
    await writeFile(home.config, `${config}runner: { maxTasks: 3 }\n`);
    const { stdout, code } = await vmTask(folder.path, 'status');
    expect(stdout).toContain('vm-task.yaml was altered since');
    expect(code).toBe(0);
    await writeFile(home.config, 'pools: none\n');
    expect((await vmTask(folder.path, 'status')).code).toBe(0);
  } finally {
    const { code, stderr } = await vmTask(folder.path, 'down');
    expect(code, stderr).toBe(0);
    expect(processesThatName(folder.path).map(({ argv }) => argv)).toEqual([]);
  }
}, 120_000);

test('a home that cannot be made is said to be so', async () => {
  const { code, stderr } = await vmTask('/proc/none/home', 'up', '--detach');
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('home-unusable') });
}, 60_000);
