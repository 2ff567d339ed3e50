import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, startRunningRig } from './rig.ts';

const value = 'glpat-tr0ub4dor&3:"quoted" $HOME';
let rig: Rig;
let files: GitFiles;

beforeAll(async () => {
  rig = await startRunningRig();
  files = await makeGitFiles();
  await mkdir(rig.home.secrets);
  await writeFile(rig.home.secret('git-token'), `${value}\n`, { mode: 0o600 });
});

afterAll(async () => {
  await files[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

/** A task that clones with the secret, in a machine whose git would store passwords. */
function cloning(url: string, more: object = {}): object {
  return {
    env: { GIT_SSL_CAINFO: files.certificate },
    setup: [
      { run: 'git config --global credential.helper "store --file=$PWD/kept-passwords"' },
      { git: { url, path: 'repo', secret: 'git-token', ...more } },
    ],
    run: 'env >&2; grep -r glpat . >&2; cat repo/.git/config >&2; cat repo/file; rm -rf repo',
  };
}

test('a private repository is cloned with a secret, which nothing in the machine keeps', async () => {
  await using server = await startServer(files, serveTo('x-access-token', value));
  const task = await rig.submit(cloning(`${server.origin}/repo.git`));
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', result: { value: 'private\n' } });
  const { stderr, setup } = await rig.output(task);
  expect(stderr.toString()).not.toMatch(/glpat|PASSWORD|credential/);
  expect(setup.toString()).not.toContain('glpat');
  expect(existsSync(join(rig.guest.home, 'work/kept-passwords'))).toBe(false);
});

test('what is there already is brought up to date with it, and the user name is the task’s', async () => {
  await using server = await startServer(files, serveTo('me', value));
  const step = { git: { url: `${server.origin}/repo.git`, path: 'twice', secret: 'git-token', user: 'me' } };
  const file = { env: { GIT_SSL_CAINFO: files.certificate }, setup: [step, step], run: 'cat twice/file' };
  expect(await rig.run(file)).toMatchObject({ outcome: 'succeeded', result: { value: 'private\n' } });
});

test('a server to which the first one redirects is not given the secret', async () => {
  await using other = await startServer(files, serveTo('x-access-token', value));
  await using server = await startServer(files, (request, response) => {
    response.writeHead(302, { location: `${other.origin}${request.url}` }).end();
  });
  const end = await rig.run(cloning(`${server.origin}/repo.git`));
  expect(end).toMatchObject({ outcome: 'failed', error: { code: 'setup-failed' } });
  expect(other.asked).toBeGreaterThan(0);
  expect(other.credentials).toEqual([]);
});

test('a step whose git traces the password shows stars, in its output and in its error', async () => {
  await using server = await startServer(files, serveTo('x-access-token', 'another'));
  const file = cloning(`${server.origin}/repo.git`) as { env: Record<string, string> };
  const trace = { GIT_TRACE_CURL: '1', GIT_TRACE_REDACT: '0', GIT_CURL_VERBOSE: '1' };
  const task = await rig.submit({ ...file, env: { ...file.env, ...trace } });
  const end = await rig.completed(task);
  expect(end).toMatchObject({ outcome: 'failed', error: { code: 'setup-failed' } });
  const basic = Buffer.from(`x-access-token:${value}`).toString('base64');
  const { setup } = await rig.output(task);
  expect(setup.toString()).toContain('Authorization: Basic');
  for (const text of [setup.toString(), end.error?.message]) {
    expect(text).not.toContain('glpat');
    expect(text).not.toContain(basic.slice(24, 44));
  }
  expect(server.credentials).toContain(basic);
});

interface GitFiles extends AsyncDisposable {
  readonly folder: string;
  readonly certificate: string;
  readonly key: string;
}

/** A repository as plain files, which git reads over HTTP, and a certificate for loopback. */
async function makeGitFiles(): Promise<GitFiles> {
  const folder = await makeTempFolder('git-files');
  const [work, bare] = [join(folder.path, 'work'), join(folder.path, 'repo.git')];
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { stdio: 'pipe' });
  git('init', '-q', '-b', 'main', work);
  await writeFile(join(work, 'file'), 'private\n');
  git('-C', work, 'add', 'file');
  git('-C', work, 'commit', '-q', '-m', 'private');
  git('clone', '-q', '--bare', work, bare);
  git('-C', bare, 'update-server-info');
  const [certificate, key] = [join(folder.path, 'cert.pem'), join(folder.path, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  return { folder: folder.path, certificate, key, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** The repository's files, to whoever has that password. */
function serveTo(user: string, password: string): Answer {
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return (request, response) => {
    if (request.headers.authorization !== wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const path = join(files.folder, decodeURIComponent(new URL(request.url ?? '', 'https://host').pathname));
    if (existsSync(path) && path.startsWith(`${files.folder}/repo.git/`)) response.end(readFileSync(path));
    else response.writeHead(404).end();
  };
}

async function startServer({ certificate, key }: GitFiles, answer: Answer) {
  const credentials: string[] = [];
  let asked = 0;
  const options = { cert: await readFile(certificate), key: await readFile(key) };
  const server = createServer(options, (request, response) => {
    asked += 1;
    const { authorization } = request.headers;
    if (authorization !== undefined) credentials.push(authorization.replace('Basic ', ''));
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials,
    get asked() {
      return asked;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
