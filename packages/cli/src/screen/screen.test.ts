import { describe, expect, it } from 'vitest';
import { plainLine, shorten } from './plain-text.ts';
import { humanDuration, table } from './table.ts';

describe('text on its way to a terminal', () => {
  it('loses what moves the cursor, and keeps every language', () => {
    expect(plainLine('\u001b[2Jgone\u0007垃圾域名\r\n🚀\u009b31m')).toBe('gone 垃圾域名 🚀');
  });

  it('is cut with an ellipsis', () => {
    expect(shorten('abcdef', 4)).toBe('abc…');
    expect(shorten('abcd', 4)).toBe('abcd');
  });
});

describe('tables', () => {
  it('line up without borders, also with wide characters', () => {
    expect(
      table(
        ['id', 'note'],
        [
          ['1', '垃圾'],
          ['22', null],
        ],
      ),
    ).toBe('id  note\n1   垃圾\n22  -');
  });

  it('say durations as people do', () => {
    expect([humanDuration(null), humanDuration(75.4), humanDuration(1_234), humanDuration(200_000)]).toEqual([
      '-',
      '75 ms',
      '1.2 s',
      '3 m 20 s',
    ]);
  });
});
