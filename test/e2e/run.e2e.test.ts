import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VmId } from '@vm-task/shared/ids';
import { eventually } from '@vm-task/testing/conditions';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendRunningSystem, type TestSystem } from './system.ts';
import { submit, untilOver, untilPrinted } from './tasks.ts';
import type { Audit, Events, Shown } from './views.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendRunningSystem();
});

afterAll(() => system[Symbol.asyncDispose]());

const newest = async () => {
  const { tasks } = await system.json<{ tasks: Shown[] }>(['list']);
  const id = tasks[0]?.id ?? '';
  return system.json<Shown>(['show', id]);
};

describe('vm-task run', () => {
  it('runs examples/hello.yaml as written: output, result, exit code 0', async () => {
    const { exitCode, stdout } = await system.vmTask(['run', 'examples/hello.yaml']);
    expect(stdout).toMatch(/^Hello, world, from vm-/);
    expect(stdout).toContain('"greeted": "world"');
    expect(exitCode).toBe(0);
    expect(await newest()).toMatchObject({ outcome: 'succeeded', result: { greeted: 'world' } });
  });

  it('runs examples/prompt.yaml as written: the prompt arrives as data, byte for byte', async () => {
    const { exitCode, stdout } = await system.vmTask(['run', 'examples/prompt.yaml']);
    expect(exitCode).toBe(0);
    const prompt: string = (load(await readFile('examples/prompt.yaml', 'utf8')) as { stdin: string }).stdin;
    const sha256 = createHash('sha256').update(prompt).digest('hex');
    expect(JSON.parse(stdout)).toEqual({ characters: [...prompt].length, sha256 });
    expect((await newest()).result).toEqual({ characters: [...prompt].length, sha256 });
  });

  it('keeps stdout, stderr and the exit code apart, and remembers them across down and up', async () => {
    const ran = await system.vmTask(['run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    expect(ran).toEqual({ exitCode: 7, stdout: 'out\n', stderr: expect.stringContaining('err\n') });
    const before = await newest();
    expect(before).toMatchObject({ status: 'completed', outcome: 'failed', exitCode: 7 });
    await system.vmTask(['down']);
    expect(await system.vmTask(['up', '--detach'])).toMatchObject({ exitCode: 0 });
    expect(await system.json<Shown>(['show', before.id])).toEqual(before);
  });

  it('ends with 124 and timed_out when the process runs too long', async () => {
    const file = await system.taskFile({ command: ['sleep', '300'], timeouts: { run: '3s' } });
    const { exitCode } = await system.vmTask(['run', file]);
    expect(exitCode).toBe(124);
    expect(await newest()).toMatchObject({ outcome: 'timed_out' });
  });

  it('ends with 128 + n when a signal ended the process', async () => {
    expect((await system.vmTask(['run', '--', 'sh', '-c', 'kill -TERM $$'])).exitCode).toBe(143);
  });

  it('cancels at Ctrl-C, and ends when the VM is gone', async () => {
    const running = system.start(['run', '--', 'sh', '-c', 'echo begun; sleep 300']);
    await running.printed('begun');
    running.signal('SIGINT');
    expect((await running.finished).exitCode).toBe(130);
    const shown = await newest();
    expect(shown).toMatchObject({ status: 'completed', outcome: 'cancelled' });
    await eventually(async () => !(await readdir(system.home.vms)).includes(shown.vm ?? ''), {
      what: 'its folder is gone',
    });
    const { events } = await system.json<Events>(['events', shown.id]);
    expect(events.filter(({ type }) => type === 'task.completed')).toHaveLength(1);
  });

  it('lets people log in to the VM of a task that runs, and to no other', async () => {
    const id = await submit(system, { run: 'echo begun; sleep 300' });
    const { vm } = await untilPrinted(system, id, 'begun');
    const login = await system.vmTask(['ssh', id, '--', 'hostname; exit 5']);
    expect(login).toEqual({ exitCode: 5, stdout: `${vm}\n`, stderr: '' });
    expect(await system.json(['ssh', id])).toMatchObject({ vm, user: 'root', key: system.home.vm(vm as VmId).sshKey });
    await system.vmTask(['cancel', id]);
    await untilOver(system, id);
    const late = await system.vmTask(['ssh', id]);
    expect(late).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('has ended, and its VM is gone') });
  });

  it('carries a mebibyte of awkward text through script, argument, stdin and input unchanged', async () => {
    const awkward = `$(reboot) \`reboot\` "double" 'single' \\ %s 垃圾域名 🚀 -n --\r\n\t$HOME\n`;
    const long = awkward.repeat(Math.ceil((1024 * 1024) / Buffer.byteLength(awkward)));
    const file = await system.taskFile({
      image: 'python',
      runtime: 'python',
      run: `import hashlib, json, os, sys
inputs = json.load(open(os.environ["VM_TASK_INPUTS"], encoding="utf-8"))
digest = lambda data: hashlib.sha256(data).hexdigest()
text = ${JSON.stringify(long)}
json.dump([digest(text.encode()), digest(inputs["text"].encode()), digest(sys.stdin.buffer.read()), os.environ["SHORT"]],
          open(os.environ["VM_TASK_RESULT"], "w"))`,
      inputs: { text: long },
      stdin: long,
      env: { SHORT: awkward },
    });
    const { exitCode, stderr } = await system.vmTask(['run', file]);
    expect({ exitCode, stderr: stderr.slice(0, 2_000) }).toMatchObject({ exitCode: 0 });
    const digest = createHash('sha256').update(long).digest('hex');
    expect((await newest()).result).toEqual([digest, digest, digest, awkward]);
  });

  it('keeps a secret in the environment of the process and nowhere else', async () => {
    const secret = `s3cr3t-${randomBytes(12).toString('hex')}`;
    await mkdir(system.home.secrets, { recursive: true });
    await writeFile(join(system.home.secrets, 'analysis-key'), `${secret}\n`, { mode: 0o600 });
    const script = `test "$API_KEY" = "$(printf %s "$EXPECTED" | rev)" && echo same
grep -rs "$API_KEY" /var /run /tmp /root /etc && echo found on disk
tr '\\0' '\\n' < /proc/$$/cmdline
printf %s "$API_KEY" | cut -c 1-9 | tr -d '\\n'; sleep 1; printf %s "$API_KEY" | cut -c 10-
echo "whole: $API_KEY"`;
    const file = await system.taskFile({
      run: script,
      env: { EXPECTED: [...secret].reverse().join('') },
      secrets: { API_KEY: 'analysis-key' },
    });
    const { stdout, stderr, exitCode } = await system.vmTask(['run', file]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stdout).toContain('same');
    expect(stdout).toContain(`whole: ${'*'.repeat(secret.length)}`);
    expect(stdout).not.toContain('found on disk');
    expect(stdout + stderr).not.toContain(secret);
    expect(await filesWith(system.home.root, secret)).toEqual([join(system.home.secrets, 'analysis-key')]);
  });

  it('leaks nothing', async () => {
    const clean = () => system.json<Audit>(['audit']);
    const audit = await eventually(
      async () => {
        const found = await clean();
        return found.leaked.length === 0 && found.missing.length === 0 ? found : null;
      },
      { what: 'the audit is clean', limitMs: 60_000 },
    );
    expect(audit.leaked).toEqual([]);
  });
});

/** Every file of the home that has `text` in it, but for disks: streams keep their messages uncompressed. VMs come and go meanwhile. */
async function filesWith(home: string, text: string): Promise<string[]> {
  const parts = (await readdir(home)).filter((name) => name !== 'vms' && name !== 'images');
  const found: string[] = [];
  for (const part of parts) {
    const path = join(home, part);
    const below = (await stat(path)).isDirectory() ? await readdir(path, { recursive: true }) : [''];
    for (const name of below) {
      const content = await readFile(join(path, name)).catch(() => Buffer.alloc(0));
      if (content.includes(text)) found.push(join(path, name));
    }
  }
  return found;
}
