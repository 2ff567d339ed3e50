import { expect, test } from 'vitest';
import { encodeJob } from './encode-job.ts';
import type { Job } from './job.ts';

const plain: Job = {
  name: 'attempt-1-main',
  program: { kind: 'command', argv: ['true'] },
  cwd: '.',
  env: {},
  secrets: {},
  inputs: {},
  stdin: '',
  limits: {},
  outputMaxBytes: 1024,
};

function envOf(changes: Partial<Job>): string[] {
  return encodeJob({ ...plain, ...changes })
    .filter(([name]) => name === 'env')
    .map(([, value]) => String(value));
}

const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'invalid-task', message: expect.stringMatching(message) });

test.each(['A=B', '', 'A B', '1A', 'Ä', 'A\0'])('the environment name %j is refused', (name) => {
  expect(() => encodeJob({ ...plain, env: { [name]: 'x' } })).toThrowError(invalid(/not the name/));
  expect(() => encodeJob({ ...plain, secrets: { [name]: 'x' } })).toThrowError(invalid(/not the name/));
});

test('a secret wins over a variable of the same name', () => {
  expect(envOf({ env: { A: 'open' }, secrets: { A: 'secret' } })).toEqual(['A=secret']);
});

test.each(['-x', '../up', 'a/b', '', 'A', 'a'.repeat(65)])('the job name %j is refused', (name) => {
  expect(() => encodeJob({ ...plain, name })).toThrowError(invalid(/not a job's name/));
});

test('an argument that the kernel would refuse is an error that says how long it may be', () => {
  const argv = (text: string) => ({ ...plain, program: { kind: 'command' as const, argv: ['cat', text] } });
  expect(() => encodeJob(argv('x'.repeat(131_071)))).not.toThrow();
  expect(() => encodeJob(argv('x'.repeat(131_072)))).toThrowError(invalid(/131072 bytes and may have 131071/));
  expect(() => encodeJob(argv('垃'.repeat(43_691)))).toThrowError(invalid(/argument 1 has 131073 bytes/));
  expect(() => encodeJob(argv('a\0b'))).toThrowError(invalid(/NUL/));
  expect(() => encodeJob(argv('\ud800'))).toThrowError(invalid(/surrogate/));
});

test('arguments that are too long together are an error', () => {
  const argv = ['cat', ...Array.from({ length: 20 }, () => 'x'.repeat(120_000))];
  expect(() => encodeJob({ ...plain, program: { kind: 'command', argv } })).toThrowError(invalid(/together/));
});

test('no program is an error', () => {
  expect(() => encodeJob({ ...plain, program: { kind: 'command', argv: [] } })).toThrowError(invalid(/no program/));
});

test('inputs become variables: text as it is, the rest as JSON', () => {
  expect(envOf({ inputs: { topic: '垃圾域名', 'max-rows': 15, list: ['a', 1] } })).toEqual([
    'VM_TASK_INPUT_TOPIC=垃圾域名',
    'VM_TASK_INPUT_MAX_ROWS=15',
    'VM_TASK_INPUT_LIST=["a",1]',
  ]);
});

test('inputs that cannot be variables are in the file alone', () => {
  const inputs = { 主题: 'x', long: 'x'.repeat(131_072), nul: 'a\0b', short: 'y' };
  expect(envOf({ inputs })).toEqual(['VM_TASK_INPUT_SHORT=y']);
  expect(encodeJob({ ...plain, inputs })).toContainEqual(['inputs', JSON.stringify(inputs)]);
});

test('inputs leave half of the room to arguments and environment', () => {
  const inputs = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`i${i}`, 'x'.repeat(100_000)]));
  expect(envOf({ inputs })).toHaveLength(10);
});

test('two inputs that would be one variable are an error', () => {
  expect(() => encodeJob({ ...plain, inputs: { 'a-b': 1, a_b: 2 } })).toThrowError(invalid(/VM_TASK_INPUT_A_B/));
});
