import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { needs } from '@vm-task/testing/needs';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendNetworkLab, type NetworkLab } from './network-lab.ts';
import { lendSystem, type TestSystem } from './system.ts';
import type { Events, Shown, Status } from './views.ts';

const execute = promisify(execFile);

/** What the branch `main` has; `drafts`, which a clone gets that asks for no branch, has another list. */
const repository = {
  'domains.txt': 'example.org\nfree-money-now.example\n例子.测试\nwin-win-win-win.example\n',
  'requirements.txt': './domainscore\n',
  'domainscore/domainscore.py': 'def score(domain: str) -> int:\n    return domain.count("-")\n',
  'domainscore/pyproject.toml': `[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "domainscore"
version = "1.0"
[tool.setuptools]
py-modules = ["domainscore"]
`,
};
const report = [
  { domain: 'win-win-win-win.example', score: 3 },
  { domain: 'free-money-now.example', score: 2 },
  { domain: 'example.org', score: 0 },
  { domain: '例子.测试', score: 0 },
];

async function makeRepository(path: string): Promise<void> {
  const git = (...args: string[]) =>
    execute('git', ['-C', path, '-c', 'user.name=tests', '-c', 'user.email=tests@example.org', ...args]);
  await mkdir(path);
  await git('init', '--quiet', '--initial-branch=drafts');
  const commit = async (files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), text);
    }
    await git('add', '--all');
    await git('commit', '--quiet', '--message=Add a list');
  };
  await commit({ 'domains.txt': 'draft.example\n' });
  await git('switch', '--quiet', '--create', 'main');
  await commit(repository);
  await git('switch', '--quiet', 'drafts');
}

needs.root(describe)('examples/analyse-repo.yaml as written', () => {
  let folder: TempFolder;
  let lab: NetworkLab;
  let system: TestSystem;

  beforeAll(async () => {
    folder = await makeTempFolder('repositories');
    await makeRepository(join(folder.path, 'domains.git'));
    lab = await lendNetworkLab();
    // Itself, because `git daemon` would be its parent and leave it behind.
    const daemon = 'exec "$(git --exec-path)/git-daemon" --export-all --verbose --base-path="$0" 2>&1';
    await lab.serveInternet(['sh', '-c', daemon, folder.path]);
    system = await lendSystem({ pools: { default: { warm: 0 } } }, lab.host);
    expect(await system.vmTask(['up', '--detach'])).toMatchObject({ exitCode: 0 });
  });

  afterAll(async () => {
    await system?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  /** As anybody may get it who has the token. */
  async function download(path: string): Promise<string> {
    const { http } = await system.json<Status>(['status']);
    const token = await readFile(join(system.home.credentials, 'http-token'), 'utf8');
    const program = `const [url, authorization] = process.argv.slice(1);
      const response = await fetch(url, { headers: { authorization } });
      process.stdout.write(Buffer.from(await response.arrayBuffer()));`;
    const node = [
      process.execPath,
      '--input-type=module',
      '--eval',
      program,
      `${http.url}${path}`,
      `Bearer ${token.trim()}`,
    ];
    const [ip = '', ...args] = [...lab.host, ...node];
    return (await execute(ip, args)).stdout;
  }

  it('clones the branch, installs what it needs, and leaves a result and a report', async () => {
    const { exitCode, stdout, stderr } = await system.vmTask(['run', 'examples/analyse-repo.yaml']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stdout).toMatch(/^垃圾域名: 4 of 4\n/);
    const { tasks } = await system.json<{ tasks: Shown[] }>(['list']);
    const id = tasks[0]?.id ?? '';
    expect(await system.json<Shown>(['show', id])).toMatchObject({
      outcome: 'succeeded',
      result: { topic: '垃圾域名', suspicious: report.map(({ domain }) => domain) },
    });
    const { events } = await system.json<Events>(['events', id]);
    const [artifact] = (events.find(({ type }) => type === 'task.completed')?.data['artifacts'] ?? []) as Artifact[];
    const file = await download(`/v1/tasks/${id}/artifacts/out/report.json`);
    expect(JSON.parse(file)).toEqual(report);
    const sha256 = createHash('sha256').update(file).digest('hex');
    expect(artifact).toMatchObject({ path: 'out/report.json', bytes: Buffer.byteLength(file), sha256 });
  });

  it('runs a tool headless over the repository, from the template code-analysis, with its key and its prompt', async () => {
    await mkdir(system.home.secrets, { recursive: true, mode: 0o700 });
    await writeFile(system.home.secret('analysis-key'), 'a-key-that-nobody-sees\n', { mode: 0o600 });
    // Like those that are meant: it takes its prompt as its last argument, works where it is started, and tells in JSON.
    const tool = `import hashlib, json, os, sys
key = os.environ["TOOL_KEY"]
print(json.dumps({"prompt": sys.argv[-1], "key": hashlib.sha256(key.encode()).hexdigest(), "files": sorted(os.listdir("."))}, ensure_ascii=False))
print(key, file=sys.stderr)`;
    const prompt = '请找出仓库里最严重的问题："quoted" $HOME';
    const settings = {
      repository: 'git://198.51.100.10/domains.git',
      tool: JSON.stringify(['python3', '-c', tool]),
      keyVariable: 'TOOL_KEY',
      prompt,
    };
    const installed = await system.vmTask(['template', 'install', 'templates/code-analysis.yaml', '--json']);
    expect(JSON.parse(installed.stdout)).toMatchObject({
      templates: [{ name: 'code-analysis', version: 1, kind: 'task' }],
    });
    const set = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const { exitCode, stdout, stderr } = await system.vmTask(['template', 'run', 'code-analysis', ...set]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(`${stdout}${stderr}`).not.toContain('a-key-that-nobody-sees');
    const { tasks } = await system.json<{ tasks: Shown[] }>(['list']);
    expect(await system.json<Shown>(['show', tasks[0]?.id ?? ''])).toMatchObject({
      outcome: 'succeeded',
      result: {
        prompt,
        key: createHash('sha256').update('a-key-that-nobody-sees').digest('hex'),
        files: ['.git', 'domains.txt', 'domainscore', 'requirements.txt'],
      },
    });
  });

  it('finds a server by its name, too, and without a branch takes the one that the server names', async () => {
    const url = `git://git.example/domains.git`;
    const file = await system.taskFile({
      egress: 'internet',
      setup: [{ git: { url, path: 'domains' } }],
      command: ['cat', 'domains/domains.txt'],
    });
    const { exitCode, stdout, stderr } = await system.vmTask(['run', file]);
    expect({ exitCode, stderr, stdout }).toMatchObject({ exitCode: 0, stdout: 'draft.example\n' });
  });
});

interface Artifact {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}
