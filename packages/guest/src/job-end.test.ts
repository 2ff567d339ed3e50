import { expect, test } from 'vitest';
import { readEnd, readOutcome } from './job-end.ts';

const tails = { stdout: Buffer.from('out'), stderr: Buffer.alloc(0) };
const record = (outcome: string) =>
  Buffer.from(`outcome ${outcome}\nmemory 1\nstopped 0\nran 12\nstdout 10 6\nstderr 0 0\n`);

test('a record says how the job ended and what became of its output', () => {
  expect(readEnd(record('signalled 9'), tails, null, () => true)).toEqual({
    outcome: { kind: 'signalled', signal: 9 },
    outOfMemory: true,
    stopped: false,
    ranMs: 12,
    stdout: { seenBytes: 10, storedBytes: 6, droppedBytes: 4, tail: tails.stdout },
    stderr: { seenBytes: 0, storedBytes: 0, droppedBytes: 0, tail: tails.stderr },
    result: null,
  });
  expect(readOutcome(record('not-started x: No such file'))).toEqual({
    kind: 'not-started',
    reason: 'x: No such file',
  });
});

test.each([
  ['nothing', ''],
  ['half of a record', record('exited 0').subarray(0, 20)],
  ['an exit code that is none', record('exited')],
  ['an outcome that nobody knows', record('succeeded 0')],
])('%s is no exit status (I9)', (_what, bytes) => {
  expect(() => readEnd(Buffer.from(bytes), tails, null, () => true)).toThrowError(
    expect.objectContaining({ code: 'guest-failed' }),
  );
});

test('a record that does not agree with the output that came is none', () => {
  const agrees = (_stream: string, storedBytes: number) => storedBytes === 0;
  expect(() => readEnd(record('exited 0'), tails, null, agrees)).toThrowError(/cannot be read/);
});
