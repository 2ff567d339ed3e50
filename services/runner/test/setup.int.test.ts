import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@vm-task/hypervisor/host/free-port';
import { eventually } from '@vm-task/testing/conditions';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, startRunningRig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRunningRig();
});

afterAll(() => rig[Symbol.asyncDispose]());

test('setup steps run in order before the process, and their output is one stream that names them', async () => {
  const task = await rig.submit({
    setup: [{ run: 'echo one; echo two >&2; echo three' }, { run: 'echo prepared > prepared' }],
    run: 'cat prepared',
  });
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', result: { value: 'prepared\n' } });
  const { setup, stdout } = await rig.output(task);
  expect(setup.toString()).toBe('# setup 1 of 2: run\none\ntwo\nthree\n# setup 2 of 2: run\n');
  expect(stdout.toString()).toBe('prepared\n');
  const done = (await rig.events(task)).find(({ type }) => type === 'task.setup.done');
  expect(done?.data).toMatchObject({ steps: [{ name: 'run' }, { name: 'run' }] });
});

test('a step that fails ends the task with the step, its exit code and its last words; nothing after it runs', async () => {
  const task = await rig.submit({
    setup: [{ run: 'true' }, { run: 'echo trouble; false; echo never' }, { run: 'touch third' }],
    run: 'touch main',
  });
  const end = await rig.completed(task);
  expect(end).toMatchObject({ outcome: 'failed', exitCode: null, error: { code: 'setup-failed' }, result: null });
  expect(end.error?.message).toBe('setup step 2 (run) exited with 1; it said last: trouble');
  expect((await rig.events(task)).map(({ type }) => type)).not.toContain('task.setup.done');
  expect((await rig.output(task)).setup.toString()).not.toContain('never');
  expect(execFileSync('ls', [join(rig.guest.home, 'work')]).toString()).not.toMatch(/third|main/);
});

test('git clones, switches to a branch, takes a tag, and pulls what is there already', async () => {
  await using server = await startGitServer();
  server.commit('first');
  server.git('tag', 'v1');
  server.git('switch', '-q', '-c', 'side');
  server.commit('on the side');
  server.git('switch', '-q', 'main');
  const show = { run: 'cat repo/file' };
  const git = (step: object) => ({ setup: [{ git: { url: server.url, path: 'repo', ...step } }], ...show });
  const result = async (file: object) => (await rig.run(file)).result?.value;
  expect(await result(git({}))).toBe('first\n');
  server.commit('second');
  expect(await result(git({ ref: 'main' }))).toBe('second\n');
  expect(await result(git({ branch: 'side' }))).toBe('on the side\n');
  expect(await result(git({ ref: 'v1' }))).toBe('first\n');
  expect(await result(git({ branch: 'main' }))).toBe('second\n');
});

test('a branch is the branch, also where a tag has its name, and a tag or a commit is taken without a word of failure', async () => {
  await using server = await startGitServer();
  server.commit('tagged');
  server.git('tag', 'dup');
  server.git('switch', '-q', '-c', 'dup');
  server.commit('on the branch');
  server.git('switch', '-q', 'main');
  const git = (step: object) => ({ setup: [{ git: { url: server.url, path: 'dup', ...step } }], run: 'cat dup/file' });
  expect(await rig.run(git({ branch: 'dup' }))).toMatchObject({ result: { value: 'on the branch\n' } });
  expect(await rig.run(git({ branch: 'dup' }))).toMatchObject({ result: { value: 'on the branch\n' } });
  const task = await rig.submit(git({ ref: 'refs/tags/dup' }));
  expect(await rig.completed(task)).toMatchObject({ result: { value: 'tagged\n' } });
  expect((await rig.output(task)).setup.toString()).not.toContain('fatal');
});

test('a repository that cannot be cloned fails the step without asking anybody', async () => {
  await using server = await startGitServer();
  const end = await rig.run({ setup: [{ git: { url: `${server.url}-none`, path: 'none' } }], run: 'true' });
  expect(end).toMatchObject({ outcome: 'failed', error: { code: 'setup-failed' } });
  expect(end.error?.message).toContain('setup step 1 (git none) exited with 128');
});

interface GitServer extends AsyncDisposable {
  readonly url: string;
  git(...args: string[]): void;
  commit(content: string): void;
}

async function startGitServer(): Promise<GitServer> {
  const folder = await makeTempFolder('git');
  const repo = join(folder.path, 'repo');
  const run = (args: string[]) => execFileSync('git', args, { stdio: 'pipe' });
  run(['init', '-q', '-b', 'main', repo]);
  const git = (...args: string[]) => void run(['-C', repo, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args]);
  const port = await freePort();
  const listen = ['--listen=127.0.0.1', `--port=${port}`];
  const daemon = spawn('git', ['daemon', '--verbose', '--export-all', `--base-path=${folder.path}`, ...listen], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  daemon.stderr.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await eventually(() => said.includes('Ready to rumble'), { what: 'git daemon listens' });
  return {
    url: `git://127.0.0.1:${port}/repo`,
    git,
    commit(content) {
      execFileSync('sh', ['-c', 'printf "%s\\n" "$1" > "$2"', 'sh', content, join(repo, 'file')]);
      git('add', 'file');
      git('commit', '-q', '-m', content);
      expect(readFileSync(join(repo, 'file'), 'utf8')).toBe(`${content}\n`);
    },
    async [Symbol.asyncDispose]() {
      const gone = once(daemon, 'exit');
      // The daemon is a child of `git`: both are in the group that it leads.
      if (daemon.pid !== undefined) process.kill(-daemon.pid, 'SIGKILL');
      await gone;
      await folder[Symbol.asyncDispose]();
    },
  };
}
