import { execFile } from 'node:child_process';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cliMain, repositoryRoot } from '@vm-task/embedded/repository';
import { childEnvironment } from '@vm-task/shared/environment';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { writeBundle } from './write-bundle.ts';

const run = (program: string, ...args: readonly string[]) =>
  promisify(execFile)(program, args).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );

test('the bundle does what the sources do, and knows what it was made of', async () => {
  await using folder = await makeTempFolder('bundle');
  await writeBundle(folder.path);
  const home = join(folder.path, 'home');
  const node = (main: string, ...args: readonly string[]) =>
    run(process.execPath, '--disable-warning=ExperimentalWarning', main, ...args);
  const commands = [['status'], ['image', 'list'], ['audit'], ['down'], ['doctor', '--json']];
  for (const args of [['--help'], ['--version'], ...commands.map((words) => [...words, '--home', home])]) {
    const [bundled, source] = await Promise.all([node(join(folder.path, 'main.mjs'), ...args), node(cliMain, ...args)]);
    expect(bundled).toEqual(source);
  }
  const listed = await readFile(join(folder.path, 'sources'), 'utf8');
  expect(listed).toContain(cliMain);
  expect(listed).not.toContain('node_modules');
  expect(await run('sha256sum', '--check', '--status', join(folder.path, 'sources'))).toMatchObject({ code: 0 });
});

test('the launcher takes the bundle while its sources are what it was made of', async () => {
  await using folder = await makeTempFolder('launcher');
  const bundle = join(folder.path, 'node_modules', '.command-line');
  await mkdir(bundle, { recursive: true });
  const source = join(folder.path, 'source.ts');
  await writeFile(source, '');
  const chosen = async () => {
    const script =
      'here=$1; root=$2; . "$here/setup/command-line.sh"; command_line "$2/node_modules/.command-line/sources"; printf %s "$program"';
    const args = ['-euc', script, 'sh', repositoryRoot, folder.path];
    return (await promisify(execFile)('sh', args, { env: childEnvironment({}) })).stdout;
  };
  const sources = join(folder.path, 'packages/cli/src/main.ts');
  expect(await chosen()).toBe(sources);
  const { stdout } = await promisify(execFile)('sha256sum', [source]);
  await writeFile(join(bundle, 'sources'), stdout);
  expect(await chosen()).toBe(join(bundle, 'main.mjs'));
  await appendFile(source, 'altered');
  expect(await chosen()).toBe(sources);
});
