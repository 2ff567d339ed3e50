import { expect, test } from 'vitest';
import { encodeRequest, FrameReader } from './frames.ts';

test('a request has each field with its length, and an end', () => {
  const request = encodeRequest([
    ['name', 'job\n'],
    ['argv', '垃'],
    ['stdin', new Uint8Array([0, 255])],
    ['grace', 5],
  ]);
  expect(request.toString('latin1')).toBe('name 4\njob\nargv 3\n\xe5\x9e\x83stdin 2\n\0\xffgrace 1\n5end 0\n');
});

test('frames come out whole, wherever the stream is cut', () => {
  const stream = Buffer.from('started 0\nstdout 0 5\nab\ncdstderr 7 1\n\nend 0\n');
  for (let cut = 0; cut <= stream.length; cut++) {
    const reader = new FrameReader();
    const frames = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))];
    expect(frames.map(({ kind, numbers, bytes }) => [kind, numbers, bytes.toString()])).toEqual([
      ['started', [], ''],
      ['stdout', [0], 'ab\ncd'],
      ['stderr', [7], '\n'],
      ['end', [], ''],
    ]);
  }
});

test.each([
  ['a greeting of a login shell', 'Welcome to the machine!\n'],
  ['a head without end', 'x'.repeat(100)],
  ['a frame larger than any', 'stdout 0 999999\n'],
  ['a length that is none', 'stdout 0 -1\n'],
])('%s is refused', (_what, bytes) => {
  expect(() => new FrameReader().push(Buffer.from(bytes))).toThrowError(
    expect.objectContaining({ code: 'guest-failed' }),
  );
});
