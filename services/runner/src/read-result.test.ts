import type { JobEnd } from '@vm-task/guest/job';
import { expect, test } from 'vitest';
import { readResult } from './read-result.ts';
import { Secrets } from './secrets.ts';

const none = new Secrets({});
const secret = new Secrets({ KEY: 'hunter2', PIN: '4711' });

function endWith({
  result = null,
  stdout = '',
  seen,
}: {
  result?: string | null;
  stdout?: string;
  seen?: number;
}): JobEnd {
  const tail = Buffer.from(stdout);
  const seenBytes = seen ?? tail.length;
  const totals = { seenBytes, storedBytes: seenBytes, droppedBytes: 0, tail };
  return {
    outcome: { kind: 'exited', code: 0 },
    outOfMemory: false,
    stopped: false,
    ranMs: 1,
    stdout: totals,
    stderr: totals,
    result: result === null ? null : Buffer.from(result),
  };
}

const resultValue = (end: JobEnd, secrets = none) => {
  const { result } = readResult(end, secrets);
  return result?.value;
};

test('a file that is JSON is parsed, whatever JSON it is', () => {
  for (const value of [{ a: [1, null, 'ü'] }, [], 'text', 0, true, null]) {
    expect(readResult(endWith({ result: JSON.stringify(value) }), none).result).toEqual({
      kind: 'json',
      source: 'file',
      value,
    });
  }
});

test('a file that is not JSON, or nested without end, is text', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  for (const text of ['', '{"a":', 'NaN', deep]) {
    expect(readResult(endWith({ result: text }), none).result).toEqual({ kind: 'text', source: 'file', value: text });
  }
});

test.each(['{"id": 12345678901234567890}', '{"a": 1e400}', '{"__proto__": {}, "b": 2}', '{"a": 1, "a": 2}'])(
  '%s would not be the same as JSON, so it is text',
  (text) => {
    const value = { kind: 'text', source: 'file', value: text };
    expect(readResult(endWith({ result: text }), none).result).toEqual(value);
  },
);

test('a file that is no text is refused, with the byte where it goes wrong', () => {
  const binary = { ...endWith({}), result: Buffer.from([0x61, 0xfc]) };
  expect(readResult(binary, none)).toEqual({
    result: null,
    error: { code: 'result-not-text', message: expect.stringContaining('is not from byte 2 on (fc)') },
  });
});

test('a file that the disk had no room for is no result, and one that is empty is an empty one', () => {
  expect(readResult({ ...endWith({}), result: 'not-written' }, none)).toEqual({
    result: null,
    error: { code: 'result-not-written', message: expect.stringContaining('the disk was full') },
  });
  expect(resultValue(endWith({ result: '' }))).toBe('');
});

test('a file at the limit is taken, one byte more is refused', () => {
  expect(resultValue(endWith({ result: 'x'.repeat(262_144) }))).toHaveLength(262_144);
  expect(readResult(endWith({ result: 'x'.repeat(262_145) }), none)).toMatchObject({
    result: null,
    error: { code: 'result-too-large' },
  });
});

test('without a file it is all of stdout, or its last lines when there was more', () => {
  expect(resultValue(endWith({ stdout: 'one\ntwo\n' }))).toBe('one\ntwo\n');
  expect(resultValue(endWith({ stdout: 'e\ntwo\nthree\n', seen: 1_000 }))).toBe('two\nthree\n');
});

test('where no line begins, it begins with a whole character', () => {
  const tail = Buffer.from('垃圾\n').subarray(1);
  const end = endWith({ seen: 1_000 });
  expect(resultValue({ ...end, stdout: { ...end.stdout, tail } })).toBe('圾\n');
});

test('secrets are masked in text, in strings, keys and numbers of JSON', () => {
  expect(resultValue(endWith({ stdout: 'key hunter2\n' }), secret)).toBe('key *******\n');
  expect(resultValue(endWith({ result: 'key hunter2' }), secret)).toBe('key *******');
  const json = { hunter2: ['a hunter2', 4711, 47, { deep: 'hunter2' }] };
  expect(resultValue(endWith({ result: JSON.stringify(json) }), secret)).toEqual({
    '*******': ['a *******', '****', 47, { deep: '*******' }],
  });
});

test('the rest of a secret that the beginning of the tail cuts is not shown', () => {
  expect(resultValue(endWith({ stdout: 'nter2 no line', seen: 1_000 }), secret)).not.toContain('nter2');
});
