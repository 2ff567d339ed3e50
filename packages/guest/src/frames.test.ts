import { chance } from '@vm-task/testing/chance';
import { expect, test } from 'vitest';
import { bare, type Expected, encodeRequest, type Frame, FrameReader, withBytes } from './frames.ts';

test('a request has each field with its length, and an end', () => {
  const request = encodeRequest([
    ['name', 'job\n'],
    ['argv', '垃'],
    ['stdin', new Uint8Array([0, 255])],
    ['grace', 5],
  ]);
  expect(request.toString('latin1')).toBe('name 4\njob\nargv 3\n\xe5\x9e\x83stdin 2\n\0\xffgrace 1\n5end 0\n');
});

const output = { numbers: 1, minBytes: 1, maxBytes: 65_536 } as const;
const expected: Expected = {
  started: bare,
  stdout: output,
  stderr: output,
  lost: withBytes(100),
  end: withBytes(1_024),
};

function readAll(chunks: readonly Buffer[]): Frame[] {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.take(expected); frame !== null; frame = reader.take(expected)) frames.push(frame);
  }
  return frames;
}

const shown = (frames: readonly Frame[]) => frames.map(({ kind, numbers, bytes }) => [kind, numbers, bytes.toString()]);

test('frames come out whole, wherever the stream is cut', () => {
  const stream = Buffer.from('started 0\nstdout 0 5\nab\ncdstderr 7 1\n\nend 0\n');
  for (let cut = 0; cut <= stream.length; cut++) {
    expect(shown(readAll([stream.subarray(0, cut), stream.subarray(cut)]))).toEqual([
      ['started', [], ''],
      ['stdout', [0], 'ab\ncd'],
      ['stderr', [7], '\n'],
      ['end', [], ''],
    ]);
  }
});

test('a stream that comes byte by byte is the same', () => {
  const stream = 'started 0\nstdout 0 5\nab\ncdend 3\nxyz';
  expect(shown(readAll([...stream].map((byte) => Buffer.from(byte))))).toEqual(shown(readAll([Buffer.from(stream)])));
});

test.each([
  ['a greeting of a login shell', 'Welcome to the machine!\n'],
  ['a head without end', 'x'.repeat(100)],
  ['a frame larger than its kind', 'lost 101\n'],
  ['a frame larger than any', 'stdout 0 999999\n'],
  ['a length that is none', 'stdout 0 -1\n'],
  ['a length with zeros before it', 'stdout 0 01\nx'],
  ['a number too large to count with', 'stdout 1000000000000000 1\nx'],
  ['a number too many', 'end 1 0\n'],
  ['a number too few', 'stdout 1\nx'],
  ['a frame without the byte that it must have', 'stdout 0 0\n'],
  ['bytes where none may be', 'started 1\nx'],
  ['a kind that is not expected', 'taken 0\n'],
  ['a kind that every object has', 'constructor 0\n'],
])('%s is refused', (_what, bytes) => {
  expect(() => readAll([Buffer.from(bytes)])).toThrowError(expect.objectContaining({ code: 'guest-failed' }));
});

test('the refusal of the machine is told, and no more of it than a sentence has', () => {
  expect(() => readAll([Buffer.from('failed 7\nno room')])).toThrowError('the machine: no room');
  const long = `failed 9000\n${'x'.repeat(9_000)}`;
  expect(() => readAll([Buffer.from(long)])).toThrowError(/^the machine: x{300}…$/);
});

test('whatever comes is read as frames or refused as the fault of the guest', () => {
  const words = [
    'started',
    'stdout',
    'end',
    'failed',
    ' ',
    '0',
    '7',
    '65537',
    '\n',
    'x',
    '\0',
    '\xff',
    '-1',
    '999999999',
  ];
  for (let seed = 1; seed <= 2_000; seed++) {
    const dice = chance(seed);
    const chunks = Array.from({ length: 1 + dice(30) }, () => Buffer.from(words[dice(words.length)] ?? '', 'latin1'));
    try {
      for (const { kind } of readAll(chunks)) expect(Object.keys(expected)).toContain(kind);
    } catch (error) {
      expect(error, `seed ${seed}`).toMatchObject({ code: 'guest-failed' });
    }
  }
});
