import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { processesOf } from '@vm-task/embedded/processes';
import { cliMain, repositoryRoot } from '@vm-task/embedded/repository';
import { childEnvironment } from '@vm-task/shared/environment';
import { homeAt } from '@vm-task/shared/home';
import { services } from '@vm-task/shared/roles';
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
  // What the contract is made of.
  expect(listed).toContain('packages/shared/src/task-file.ts');
  expect(await run('sha256sum', '--check', '--status', join(folder.path, 'sources'))).toMatchObject({ code: 0 });
});

test('the system of the bundle is up, with services of the bundle, and down', async () => {
  await using folder = await makeTempFolder('bundle-up');
  await writeBundle(folder.path);
  const home = homeAt(join(folder.path, 'home'));
  await mkdir(home.root);
  // JSON is YAML.
  await writeFile(
    home.config,
    JSON.stringify({ http: { port: 0 }, nats: { port: 0 }, pools: { default: { warm: 0 } } }),
  );
  const vmTask = (...args: readonly string[]) =>
    run(
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      join(folder.path, 'main.mjs'),
      ...args,
      '--home',
      home.root,
    );
  expect(await vmTask('up', '--detach')).toMatchObject({ code: 0 });
  const commandLines = processesOf(home).map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'));
  const programs = commandLines.flatMap((args) => args.filter((argument) => argument.endsWith('.mjs')));
  expect(programs.sort()).toEqual([...services].sort().map((name) => join(folder.path, 'services', `${name}.mjs`)));
  expect(await vmTask('down')).toMatchObject({ code: 0 });
  expect(processesOf(home)).toEqual([]);
});

test('what is disposed of in a loop is so once in each turn', async () => {
  await using folder = await makeTempFolder('bundle-using');
  await writeBundle(folder.path);
  const files = (await readdir(folder.path)).filter((name) => name.endsWith('.mjs'));
  const bundled = (await Promise.all(files.map((name) => readFile(join(folder.path, name), 'utf8')))).join('');
  // What esbuild makes of `await using` keeps an error from one turn to the next: the broker that was away once is away for ever.
  expect(bundled).toMatch(/await using /);
  expect(bundled).not.toContain('SuppressedError');
});

test('a question to intake loads neither schemas nor what is behind fetch, and help not even HTTP', async () => {
  await using folder = await makeTempFolder('bundle-loads');
  await writeBundle(folder.path);
  const server = createServer((_request, response) => response.end(JSON.stringify({ tasks: [], next: null })));
  const home = join(folder.path, 'home');
  for (const name of ['run', 'credentials']) await mkdir(join(home, name), { recursive: true });
  server.listen(join(home, 'run/http.sock'));
  await once(server, 'listening');
  await writeFile(join(home, 'credentials/http-token'), 'token\n');
  const loadedBy = async (...words: readonly string[]) => {
    const { code, stderr } = await run(
      process.execPath,
      '--import',
      tellsWhatIsLoaded,
      join(folder.path, 'main.mjs'),
      ...words,
    );
    expect(code).toBe(0);
    return JSON.parse(stderr) as { own: string[]; node: string[] };
  };
  const list = await loadedBy('list', '--home', home);
  const help = await loadedBy('--help');
  server.close();
  const pieces = await Promise.all(list.own.map((url) => readFile(new URL(url), 'utf8')));
  expect(pieces.filter((text) => text.includes('ZodString'))).toEqual([]);
  expect(list.node).toContain('NativeModule http');
  for (const name of ['internal/deps/undici/undici', 'crypto', 'child_process', 'zlib']) {
    expect(list.node).not.toContain(`NativeModule ${name}`);
  }
  expect(help.node).not.toContain('NativeModule http');
  expect(help.own.length).toBeLessThan(list.own.length);
});

/** What was loaded, at the end, on standard error: pieces of the bundle by their addresses, and Node's own modules. */
const tellsWhatIsLoaded = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const before = new Set(process.moduleLoadList);
  const own = [];
  registerHooks({ load: (url, context, next) => { if (url.startsWith('file:')) own.push(url); return next(url, context); } });
  process.on('exit', () => {
    const node = process.moduleLoadList.filter((name) => !before.has(name));
    process.stderr.write(JSON.stringify({ own, node }));
  });
`)}`;

test('the launcher takes the bundle while its sources are what it was made of', async () => {
  await using folder = await makeTempFolder('launcher');
  const bundle = join(folder.path, 'node_modules', '.bundle');
  await mkdir(bundle, { recursive: true });
  const source = join(folder.path, 'source.ts');
  await writeFile(source, '');
  const chosen = async () => {
    const script =
      'here=$1; root=$2; . "$here/setup/command-line.sh"; command_line "$2/node_modules/.bundle/sources"; printf %s "$program"';
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
