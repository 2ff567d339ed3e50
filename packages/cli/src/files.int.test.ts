/** `files` and `get`, against an intake that serves one task: where bytes go, and where they never go. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '@vm-task/shared/environment';
import { newTaskId } from '@vm-task/shared/new-ids';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const cli = fileURLToPath(new URL('./main.ts', import.meta.url));
const id = newTaskId(Date.now());
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

interface Served {
  readonly path: string;
  readonly text: string;
  readonly executable?: boolean;
  /** What is sent in the place of the text. */
  readonly answer?: (response: ServerResponse) => void;
}

const served: readonly Served[] = [
  { path: 'out/tool', text: '#!/bin/sh\necho ran\n', executable: true },
  { path: 'out/report.txt', text: 'a report\n' },
  { path: 'out/two\nlines\u001b[31m', text: 'odd' },
  { path: 'out/altered', text: 'as it was', answer: (response) => response.end('as it is.') },
  {
    path: 'out/cut',
    text: 'x'.repeat(100),
    answer: (response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('x'.repeat(50), () => response.destroy());
    },
  },
  { path: '../up', text: 'up' },
  { path: 'a/..', text: 'up, too' },
  { path: '/etc/passwd', text: 'no' },
];

const view = {
  ...{ id, status: 'completed', outcome: 'succeeded', exitCode: 0, result: null, error: null, pool: 'default' },
  ...{ image: 'base@1', vm: null, createdAt: '2026-01-01T00:00:00.000Z', completedAt: null, question: null },
  ...{ attempts: [], progress: null },
  timings: { queuedMs: 0, vmReadyMs: 0, setupMs: 0, runMs: 0, totalMs: 0 },
  artifacts: served.map(({ path, text, executable = false }) => ({
    ...{ path, bytes: Buffer.byteLength(text), sha256: sha256(text), executable },
  })),
  unmatched: [{ pattern: 'report', note: 'report is a folder: write report/** for the files in it' }],
};

let folder: TempFolder;
let server: Server;
let to: string;

beforeEach(async () => {
  folder = await makeTempFolder('files');
  to = join(folder.path, 'to');
  server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    if (path === `/v1/tasks/${id}`) return void response.end(JSON.stringify(view));
    const file = served.find((one) => path === `/v1/tasks/${id}/artifacts/${one.path}`);
    if (file?.answer !== undefined) return file.answer(response);
    response.writeHead(file === undefined ? 404 : 200, { 'content-type': 'application/octet-stream' });
    response.end(file?.text ?? '{}');
  });
  mkdirSync(join(folder.path, 'run'));
  mkdirSync(join(folder.path, 'credentials'));
  server.listen(join(folder.path, 'run/http.sock'));
  await once(server, 'listening');
  writeFileSync(join(folder.path, 'credentials/http-token'), 'token\n');
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await folder[Symbol.asyncDispose]();
});

async function vmTask(...words: readonly string[]) {
  const args = ['--disable-warning=ExperimentalWarning', cli, ...words];
  const env = childEnvironment({ VM_TASK_HOME: folder.path });
  const child = spawn(process.execPath, args, { env, cwd: folder.path, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (bytes: Buffer) => {
      said[name] += bytes.toString();
    });
  }
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...said };
}

const get = (path: string, ...more: string[]) => vmTask('get', id, path, '--to', to, ...more);

describe('files', () => {
  it('lists them one on a line, whatever is in their names, and says what brought none', async () => {
    const { stdout, stderr, code } = await vmTask('files', id);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1 + served.length);
    expect(stdout).toContain('"out/two\\nlines\\u001b[31m"');
    expect(stdout).toMatch(new RegExp(`out/tool +19 +x +${sha256(served[0]?.text ?? '')}`));
    expect(stderr).toBe('vm-task: report is a folder: write report/** for the files in it\n');
  });

  it('gives them to programs as they are', async () => {
    const { artifacts, unmatched } = view;
    expect(JSON.parse((await vmTask('files', id, '--json')).stdout)).toEqual({ id, artifacts, unmatched });
  });

  it('are shown by show', async () => {
    const { stdout } = await vmTask('show', id);
    for (const text of ['out/report.txt', '"out/two\\nlines\\u001b[31m"', 'report is a folder']) {
      expect(stdout).toContain(text);
    }
  });
});

describe('get', () => {
  it('brings the bytes, under the name of the file, to be executed where it could be', async () => {
    expect(await get('out/tool')).toMatchObject({ code: 0, stdout: `${join(to, 'tool')}\n` });
    expect(await get('out/report.txt', '--json')).toMatchObject({ code: 0 });
    expect(readFileSync(join(to, 'report.txt'), 'utf8')).toBe('a report\n');
    const mayExecute = (name: string) => (lstatSync(join(to, name)).mode & 0o100) !== 0;
    expect([mayExecute('tool'), mayExecute('report.txt')]).toEqual([true, false]);
    expect(readdirSync(to).sort()).toEqual(['report.txt', 'tool']);
  });

  it('overwrites nothing unless it is told to, and never what a link leads to', async () => {
    mkdirSync(to);
    writeFileSync(join(folder.path, 'precious'), 'precious');
    symlinkSync('../precious', join(to, 'report.txt'));
    const refused = await get('out/report.txt');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/report\.txt.*--force.*\(file-exists\)/) });
    expect(readFileSync(join(to, 'report.txt'), 'utf8')).toBe('precious');
    expect(await get('out/report.txt', '--force')).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder.path, 'precious'), 'utf8')).toBe('precious');
    expect(readFileSync(join(to, 'report.txt'), 'utf8')).toBe('a report\n');
    expect(readdirSync(to)).toEqual(['report.txt']);
  });

  it.each(['out/altered', 'out/cut'])('leaves nothing of what did not come as it was: %s', async (path) => {
    const { code, stderr } = await get(path);
    expect({ code, lines: stderr.split('\n').length }).toEqual({ code: 1, lines: 2 });
    expect(stderr).toMatch(/try again/);
    expect(existsSync(to) ? readdirSync(to) : []).toEqual([]);
  });

  it.each(['../up', 'a/..', '/etc/passwd'])('never leaves the folder: %s', async (path) => {
    const { code } = await get(path);
    const names = readdirSync(folder.path, { recursive: true }).filter((name) => /up$|passwd$/.test(String(name)));
    expect(names.every((name) => String(name).startsWith('to/'))).toBe(true);
    if (path === 'a/..') expect(code).toBe(1);
  });

  it('writes to standard output where that is said, for whoever reads there', async () => {
    expect(await vmTask('get', id, 'out/report.txt', '--to', '-')).toEqual({
      code: 0,
      stdout: 'a report\n',
      stderr: '',
    });
  });

  it('says what there is where the task has no such file', async () => {
    const { code, stderr } = await get('out/repot.txt');
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('out/report.txt') });
    expect(stderr).toContain('(artifact-not-found)');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
