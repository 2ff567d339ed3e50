import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, startRunningRig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRunningRig();
});

afterAll(() => rig[Symbol.asyncDispose]());

test('a script runs, and its output is the result', async () => {
  const task = await rig.submit({ run: 'echo hello' });
  const end = await rig.completed(task);
  expect(end).toMatchObject({ outcome: 'succeeded', exitCode: 0, signal: null, error: null, vm: task.ready.data.vm });
  expect(end.result).toEqual({ kind: 'text', source: 'stdout', value: 'hello\n' });
  expect(end.processMs).toBeGreaterThanOrEqual(0);
  expect((await rig.output(task)).stdout.toString()).toBe('hello\n');
  expect((await rig.events(task)).map(({ type }) => type)).toEqual([
    'task.created',
    'vm.ready',
    'task.setup.done',
    'task.completed',
  ]);
});

test('a command that fails has its exit code, and both of its streams', async () => {
  const task = await rig.submit({ command: ['sh', '-c', 'echo out; echo err >&2; exit 7'] });
  expect(await rig.completed(task)).toMatchObject({ outcome: 'failed', exitCode: 7, error: null });
  const { stdout, stderr } = await rig.output(task);
  expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n']);
});

test('a process that a signal ends has the signal and no exit code', async () => {
  expect(await rig.run({ run: 'kill -TERM $$' })).toMatchObject({
    outcome: 'failed',
    exitCode: null,
    signal: 'SIGTERM',
  });
});

test('a program that is not there is said to be not there', async () => {
  const end = await rig.run({ command: ['no-such-program'] });
  expect(end).toMatchObject({ outcome: 'failed', exitCode: null, error: { code: 'process-not-started' } });
  expect(end.error?.message).toContain('no-such-program');
});

test('a runtime that the image lacks is refused with those that it has, and nothing is started', async () => {
  const task = await rig.submit({ runtime: 'cobol', run: 'DISPLAY "HI".' });
  const end = await rig.completed(task);
  expect(end).toMatchObject({ outcome: 'failed', error: { code: 'runtime-not-found' } });
  expect(end.error?.message).toContain('shell, perl');
  expect((await rig.events(task)).map(({ type }) => type)).not.toContain('task.setup.done');
});

const nasty = `$(reboot) \`id\` "'\\ \n\t垃圾域名 🦀 \u0001\u007f %s -- ; && | > < * ? ~ #\r\n`;
const mebibyte = nasty.repeat(Math.ceil(1_048_576 / Buffer.byteLength(nasty)));

test('text of any kind and a mebibyte of it arrives byte for byte, and so does what comes back', async () => {
  const task = await rig.submit({
    command: ['sh', '-c', 'cat; printf "%s" "$1" >&2; printf "%s" "$2$NASTY" >&2', 'sh', nasty, '-n'],
    stdin: mebibyte,
    env: { NASTY: nasty },
  });
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded' });
  const { stdout, stderr } = await rig.output(task);
  expect(stdout.equals(Buffer.from(mebibyte))).toBe(true);
  expect(stderr.toString()).toBe(`${nasty}-n${nasty}`);
});

test('a script of a mebibyte is executed byte for byte', async () => {
  const task = await rig.submit({ runtime: 'perl', run: `print <DATA>;\n__END__\n${mebibyte}` });
  await rig.completed(task);
  expect((await rig.output(task)).stdout.equals(Buffer.from(mebibyte))).toBe(true);
});

test('a result file that is JSON becomes the result as it was parsed', async () => {
  const end = await rig.run({
    run: `printf '{"found": [1, 2.5, "垃圾"], "none": null}' > "$VM_TASK_RESULT"; echo noise`,
  });
  expect(end.result).toEqual({ kind: 'json', source: 'file', value: { found: [1, 2.5, '垃圾'], none: null } });
});

test('a result file that is not JSON is kept as text', async () => {
  const end = await rig.run({ run: `echo '{"found": ' > "$VM_TASK_RESULT"` });
  expect(end.result).toEqual({ kind: 'text', source: 'file', value: '{"found": \n' });
});

test('a result of more bytes than it may have fails the task, with the exit code that it had', async () => {
  const end = await rig.run({ run: `head -c 300000 /dev/zero > "$VM_TASK_RESULT"` });
  expect(end).toMatchObject({ outcome: 'failed', exitCode: 0, result: null, error: { code: 'result-too-large' } });
  expect(end.error?.message).toContain('262144');
});

test('output past its limit is counted and dropped, and the exit code is right', async () => {
  const task = await rig.submit({
    run: 'head -c 5000000 /dev/zero | tr "\\0" x; echo; echo end; exit 3',
    output: { maxBytes: 100_000 },
  });
  const end = await rig.completed(task);
  expect(end).toMatchObject({ outcome: 'failed', exitCode: 3, result: { value: 'end\n' } });
  expect(end.output).toEqual({
    stdout: { seenBytes: 5_000_005, storedBytes: 100_000 },
    stderr: { seenBytes: 0, storedBytes: 0 },
  });
  expect((await rig.output(task)).stdout.length).toBe(100_000);
});

test('files that match are kept, and what points out of the work folder is refused', async () => {
  const kept = await rig.run({
    run: 'mkdir -p out; echo one > out/a.json; echo two > out/b.txt',
    artifacts: ['out/*.json'],
  });
  expect(kept).toMatchObject({ outcome: 'succeeded', artifacts: [{ path: 'out/a.json', bytes: 4 }] });
  const refused = await rig.run({ run: 'mkdir -p bad; ln -s /etc/passwd bad/x.json', artifacts: ['bad/*.json'] });
  expect(refused).toMatchObject({ outcome: 'failed', exitCode: 0, error: { code: 'artifact-refused' }, artifacts: [] });
});

test('a pattern that nothing matches fails nothing, and the end of the task names it', async () => {
  const artifacts = ['none/*', 'report', 'report/*', 'dots/*'];
  const end = await rig.run({ run: 'mkdir -p dots report; echo 1 > report/a; echo 2 > dots/.env', artifacts });
  expect(end).toMatchObject({
    outcome: 'succeeded',
    artifacts: [{ path: 'report/a' }],
    unmatched: [
      { pattern: 'none/*', found: 'nothing' },
      { pattern: 'report', found: 'folder' },
      { pattern: 'dots/*', found: 'hidden' },
    ],
  });
});

test('patterns of any number and length are named within bounds', async () => {
  const artifacts = Array.from({ length: 64 }, (_, at) => `${at}${'x'.repeat(1_000)}`);
  const end = await rig.run({ run: 'true', artifacts });
  expect(end.unmatched).toHaveLength(64);
  expect(JSON.stringify(end.unmatched).length).toBeLessThan(20_000);
});

test('a file keeps that it may be executed, and any other says nothing of it', async () => {
  const script = 'mkdir -p bin; echo 1 > bin/tool; echo 2 > bin/text; chmod 755 bin/tool';
  const { artifacts } = await rig.run({ run: script, artifacts: ['bin/*'] });
  const executable = Object.fromEntries(artifacts.map((one) => [one.path, one.executable]));
  expect(executable).toEqual({ 'bin/tool': true, 'bin/text': undefined });
});

test('a name that is not UTF-8 fails the task with its name in escapes, on one line', async () => {
  const script = `mkdir -p names; : > "$(printf 'names/latin\\374\\n\\033[31m.txt')"; echo ok > names/ok`;
  const end = await rig.run({ run: script, artifacts: ['names/*'] });
  expect(end).toMatchObject({
    outcome: 'failed',
    error: { code: 'artifact-refused' },
    artifacts: [{ path: 'names/ok' }],
  });
  expect(end.error?.message).toContain('"names/latin\\ufffd\\n\\u001b[31m.txt"');
});

test('more files than are kept are refused with the limit and what to do', async () => {
  const script = 'mkdir -p many; for i in $(seq 1 300); do : > many/$i; done';
  const end = await rig.run({ run: script, artifacts: ['many/**'] });
  expect(end).toMatchObject({ outcome: 'failed', error: { code: 'artifact-refused' } });
  expect(end.artifacts).toHaveLength(256);
  expect(end.error?.message).toMatch(/more than 256 files.*pack/);
});

test('bytes of any kind, characters that are cut in the middle and a line of megabytes come as they were', async () => {
  const script = `$| = 1;
print pack("C*", 0 .. 255), "\n";
for (0xe5, 0x9e, 0x83, 0xe5, 0x9c, 0xbe, 10) { print chr; select undef, undef, undef, 0.05 }
print "x" x 3_000_000;`;
  const task = await rig.submit({ command: ['perl', '-e', script] });
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const wanted = Buffer.concat([every, Buffer.from('\n垃圾\n'), Buffer.alloc(3_000_000, 'x')]);
  expect((await rig.output(task)).stdout.equals(wanted)).toBe(true);
});
