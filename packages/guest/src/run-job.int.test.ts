import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { needs } from '@vm-task/testing/needs';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type GuestConnection } from './connect.ts';
import { resultMaxBytes } from './job.ts';
import { runJob } from './run-job.ts';
import { end, never, newJob, outputOf, script } from './test-job.ts';

let guest: SshGuest;
let connection: GuestConnection;

beforeAll(async () => {
  guest = await startSshGuest();
  connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
});

afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  await guest[Symbol.asyncDispose]();
});

describe('bytes arrive as they were (I11)', () => {
  const nasty = [
    '$(reboot) `reboot` $HOME \\ \' " \n\r\t * ? ~ ! # & | ; < > ( ) [ ] { }',
    '-rf --help',
    '垃圾域名 🦄 \u0001\u007f é',
    '__END__\nend 0\n',
    ' leading and trailing ',
    '',
  ];

  test('arguments', async () => {
    const argv = ['printf', '%s\\0', ...nasty];
    const { stdout } = await outputOf(connection, newJob({ program: { kind: 'command', argv } }));
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual(nasty);
  });

  test('variables and secrets', async () => {
    const env = Object.fromEntries(nasty.map((text, index) => [`V${index}`, text]));
    const job = newJob({ program: { kind: 'command', argv: ['env', '-0'] }, env, secrets: { S: nasty.join('') } });
    const { stdout } = await outputOf(connection, job);
    const lines = stdout.toString().split('\0');
    nasty.forEach((text, index) => {
      expect(lines).toContain(`V${index}=${text}`);
    });
    expect(lines).toContain(`S=${nasty.join('')}`);
  });

  test('inputs and needs, in files and variables', async () => {
    const inputs = { nasty: nasty.join('\n'), all: nasty, half: '\ud800' };
    const program = script('cat "$VM_TASK_INPUTS" "$VM_TASK_NEEDS"; printf %s "$VM_TASK_INPUT_NASTY" >&2');
    const { stdout, stderr } = await outputOf(connection, newJob({ program, inputs, needs: { a: nasty } }));
    expect(stdout.toString()).toBe(JSON.stringify(inputs) + JSON.stringify({ a: nasty }));
    expect(stderr.toString()).toBe(nasty.join('\n'));
  });

  test('a mebibyte of any bytes on stdin', async () => {
    const stdin = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
    const bytes = Buffer.from(stdin.repeat(4096), 'latin1');
    const job = newJob({ program: { kind: 'command', argv: ['cat'] }, stdin: bytes });
    expect((await outputOf(connection, job)).stdout.equals(bytes)).toBe(true);
  });

  test('a script of megabytes', async () => {
    const line = `: '${nasty.join('').replaceAll("'", '')}'\n`;
    const program = script(`${line.repeat(20_000)}sha256sum < "$0"; wc -c < "$0"`);
    const { stdout } = await outputOf(connection, newJob({ program }));
    expect(stdout.toString()).toContain(`\n${Buffer.byteLength(program.script)}\n`);
  });
});

describe('how a job ends', () => {
  test.each([0, 1, 7, 255])('exit code %i', async (code) => {
    expect((await end(connection, newJob({ program: script(`exit ${code}`) }))).outcome).toEqual({
      kind: 'exited',
      code,
    });
  });

  test.each([9, 11, 15])('signal %i', async (signal) => {
    const outcome = { kind: 'signalled', signal };
    expect((await end(connection, newJob({ program: script(`kill -${signal} $$`) }))).outcome).toEqual(outcome);
  });

  test('a program that is not there is said to be so', async () => {
    const job = newJob({ program: { kind: 'command', argv: ['no-such-program'] } });
    const reason = 'no-such-program: No such file or directory';
    expect((await end(connection, job)).outcome).toEqual({ kind: 'not-started', reason });
  });

  test('a working directory is made, one that cannot be is said to be so', async () => {
    const made = await outputOf(connection, newJob({ program: { kind: 'command', argv: ['pwd'] }, cwd: 'a/b/c' }));
    expect(made.stdout.toString()).toBe(`${join(guest.home, 'a/b/c')}\n`);
    const { outcome } = await end(connection, newJob({ cwd: '/dev/null/x' }));
    expect(outcome).toEqual({ kind: 'not-started', reason: 'the working directory /dev/null/x: Not a directory' });
  });

  test('the result is what the process left in $VM_TASK_RESULT, or nothing', async () => {
    const result = async (text: string) => (await end(connection, newJob({ program: script(text) }))).result;
    expect(await result('true')).toBeNull();
    expect((await result('printf "{}" > "$VM_TASK_RESULT"'))?.toString()).toBe('{}');
    expect(await result('head -c 1000000 /dev/zero > "$VM_TASK_RESULT"')).toHaveLength(resultMaxBytes + 1);
    expect(await result('mkfifo "$VM_TASK_RESULT"')).toBeNull();
  });

  // By its control group: it has left the process group.
  needs.root(test)('what the process left behind is killed, so that its output ends', async () => {
    const program = script('(trap "" HUP TERM; exec setsid sleep 600) & sleep 600 & echo out');
    const { stdout, end } = await outputOf(connection, newJob({ program }));
    expect(stdout.toString()).toBe('out\n');
    expect(end.outcome).toEqual({ kind: 'exited', code: 0 });
    await eventually(() => guest.jobProcesses().length === 0, { what: 'no process of the job is left' });
  });

  test('a process that closes its output and runs on is waited for', async () => {
    const { outcome } = await end(connection, newJob({ program: script('exec >&- 2>&-; sleep 0.3; exit 3') }));
    expect(outcome).toEqual({ kind: 'exited', code: 3 });
  });

  test('stdin that nobody reads holds nothing up', async () => {
    const { outcome } = await end(connection, newJob({ stdin: Buffer.alloc(4 * 1024 * 1024) }));
    expect(outcome).toEqual({ kind: 'exited', code: 0 });
  });
});

describe('output', () => {
  test('beyond the limit is counted and dropped, its end kept', async () => {
    const program = script('head -c 100000000 /dev/zero | tr "\\0" x; printf "the end"; printf err >&2');
    const { stdout, end } = await outputOf(connection, newJob({ program, outputMaxBytes: 100_000 }));
    expect(stdout.length).toBe(100_000);
    expect(end.stdout).toMatchObject({ seenBytes: 100_000_007, storedBytes: 100_000, droppedBytes: 99_900_007 });
    expect(end.stdout.tail.toString()).toBe(`${'x'.repeat(65_529)}the end`);
    expect(end.stderr).toMatchObject({ seenBytes: 3, droppedBytes: 0 });
    expect(end.stderr.tail.toString()).toBe('err');
  });

  test('just over the limit has a tail from before and after it', async () => {
    const { end } = await outputOf(connection, newJob({ program: script('printf 0123456789'), outputMaxBytes: 6 }));
    expect(end.stdout).toMatchObject({ seenBytes: 10, storedBytes: 6, droppedBytes: 4 });
    expect(end.stdout.tail.toString()).toBe('0123456789');
  });

  test('is seen while the process runs', async () => {
    const events = runJob(connection, newJob({ program: script('echo first; read -r line < gate') }), {
      signal: never,
    });
    const seen: string[] = [];
    for await (const event of events) {
      seen.push(event.kind);
      if (event.kind === 'output') break;
    }
    expect(seen).toEqual(['running', 'output']);
  });

  test('no secret is in any file of the guest', async () => {
    const secret = 'correct-horse-battery-staple';
    const name = 'job-with-secret';
    const program = script('[ -n "$SECRET" ] || exit 1; grep -rF "$SECRET" "$HOME" && exit 2; exit 0');
    const job = newJob({ name, program, secrets: { SECRET: secret } });
    expect((await end(connection, job)).outcome).toEqual({ kind: 'exited', code: 0 });
    expect(existsSync(join(guest.home, '.vm-task', name))).toBe(true);
    const files = ['inputs', 'script', 'stdout', 'end'].map((file) =>
      readFileSync(join(guest.home, '.vm-task', name, file), 'utf8'),
    );
    expect(files.join('')).not.toContain(secret);
  });
});
