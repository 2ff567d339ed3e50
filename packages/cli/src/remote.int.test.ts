/** Commands that go to a system on another machine; here it is an address of the loopback, where somebody answers by hand. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { cliMain } from '@vm-task/embedded/repository';
import { childEnvironment } from '@vm-task/shared/environment';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { afterEach, beforeEach, expect, test } from 'vitest';

const token = 'the-token-of-the-other-machine';

let folder: TempFolder;
let server: Server;
let url: string;
const asked: string[] = [];

beforeEach(async () => {
  folder = await makeTempFolder('remote');
  asked.length = 0;
  server = createServer((request, response) => {
    const isKnown = request.headers.authorization === `Bearer ${token}`;
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
    const list = request.url === '/v1/pools' ? { pools: [] } : { tasks: [], next: null };
    response.end(JSON.stringify(isKnown ? list : { code: 'unauthorized', detail: 'send the token' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await folder[Symbol.asyncDispose]();
});

async function vmTask(words: readonly string[], { stdin = '', ...more }: Record<string, string> = {}) {
  const env = childEnvironment({
    ...{ HOME: folder.path, XDG_CONFIG_HOME: join(folder.path, 'config'), VM_TASK_HOME: join(folder.path, '.vm-task') },
    ...more,
  });
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', cliMain, ...words], { env });
  child.stdin.end(stdin);
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (bytes: Buffer) => {
      said[name] += bytes.toString();
    });
  }
  const [code] = (await once(child, 'close')) as [number];
  expect(said.stdout + said.stderr).not.toContain(token);
  return { code, ...said };
}

test('with VM_TASK_URL and VM_TASK_TOKEN commands go there, and those for the machine itself say so', async () => {
  const there = { VM_TASK_URL: url, VM_TASK_TOKEN: token };
  expect(await vmTask(['list', '--json'], there)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"tasks"'),
  });
  expect(asked).toEqual(['GET /v1/tasks']);
  const forTheMachine = [
    ['up', '--detach'],
    ['down'],
    ['status'],
    ['audit'],
    ['doctor'],
    ['image', 'list'],
    ['ssh', '01a1f89e-1bf8-7350-8b73-2c9ed451bee1'],
  ];
  const all = await Promise.all(forTheMachine.map((words) => vmTask(words, there)));
  for (const [index, said] of all.entries()) {
    const [word, more] = forTheMachine[index] ?? [];
    const name = word === 'image' ? `${word} ${more}` : word;
    const text = `${name} is for the machine that a system is on, and commands go to ${url} (VM_TASK_URL)`;
    expect(said).toMatchObject({ code: 1, stderr: expect.stringContaining(text) });
  }
  expect(asked).toHaveLength(1);
  expect(await vmTask(['list'], { ...there, VM_TASK_TOKEN: 'wrong' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('(unauthorized)'),
  });
});

test('login keeps a system whose token it has tried; contexts are listed, chosen and forgotten', async () => {
  const login = (stdin: string) => vmTask(['login', url, '--name', 'lab'], { stdin });
  expect(await login('wrong\n')).toMatchObject({ code: 1, stderr: expect.stringContaining('(unauthorized)') });
  expect(await login('')).toMatchObject({ code: 1, stderr: expect.stringContaining('has no token') });
  expect(JSON.parse((await vmTask(['context', 'list', '--json'])).stdout)).toEqual({ current: 'local', contexts: [] });
  expect(await login(`${token}\n`)).toMatchObject({ code: 0, stdout: expect.stringContaining(url) });
  const file = join(folder.path, 'config/vm-task/contexts.json');
  expect([statSync(file).mode & 0o777, readFileSync(file, 'utf8').includes(token)]).toEqual([0o600, true]);
  expect((await vmTask(['context', 'list'])).stdout).toMatch(/local +this machine\n\* +lab +http:/);
  asked.length = 0;
  expect((await vmTask(['list'])).code).toBe(0);
  expect(asked).toEqual(['GET /v1/tasks']);
  // A home that is named is meant.
  expect((await vmTask(['list', '--home', join(folder.path, 'other')])).stderr).toContain('(not-up)');
  expect((await vmTask(['context', 'use', 'local'])).code).toBe(0);
  expect((await vmTask(['list'])).stderr).toContain('(not-up)');
  expect((await vmTask(['context', 'use', 'lab'])).code).toBe(0);
  expect((await vmTask(['context', 'rm', 'lab'])).stdout).toContain('this machine');
  expect((await vmTask(['context', 'use', 'lab'])).stderr).toContain('(not-found)');
  expect(readFileSync(file, 'utf8')).not.toContain(token);
  expect(asked).toHaveLength(1);
});

test('who does not answer is named, with the reason, and nothing is waited for', async () => {
  const { port } = server.address() as AddressInfo;
  server.closeAllConnections();
  server.close();
  const said = await vmTask(['list'], { VM_TASK_URL: url, VM_TASK_TOKEN: token });
  expect(said.stderr).toContain(`${url} does not answer: connect ECONNREFUSED 127.0.0.1:${port} (not-up)`);
});
