import { describe, expect, it } from 'vitest';
import { differenceFrom, expectedOutput, noncesIn, numbers, startLine } from './expected-output.ts';

const nonce = '0a1b2c3d-0000-4000-8000-0123456789ab';
const expected = expectedOutput([startLine(), { text: numbers(3) }]);
const seen = (text: string) => differenceFrom(expected, Buffer.from(text));

describe('output that is known before', () => {
  it('is itself with any nonce, whole or broken off anywhere', () => {
    const whole = `start ${nonce}\n1\n2\n3\n`;
    for (let length = 0; length <= whole.length; length++) expect(seen(whole.slice(0, length))).toBeNull();
  });

  it('is not itself with a gap, a repeat, another byte, or more of it', () => {
    expect(seen(`start ${nonce}\n1\n3\n`)).toMatch(/^byte 45 differs/);
    expect(seen(`start ${nonce}\n1\n1\n2\n3\n`)).toMatch(/differs|too many/);
    expect(seen(`start ${nonce}\n1\n2\n3\nstart ${nonce}\n`)).toMatch(/^43 bytes too many/);
    expect(seen(`start ${nonce.replaceAll('-', '+')}\n1\n`)).toMatch(/^no nonce at byte 6/);
  });

  it('has the numbers as seq prints them', () => {
    for (const last of [1, 9, 10, 99, 100, 101, 1_000]) {
      expect(numbers(last)).toBe(Array.from({ length: last }, (_, index) => `${index + 1}\n`).join(''));
    }
  });

  it('reports every start, expected or not', () => {
    const other = nonce.replace('0a', 'ff');
    expect(noncesIn(Buffer.from(`start ${nonce}\n1\nstart ${other}\n2\n`))).toEqual([nonce, other]);
  });
});
