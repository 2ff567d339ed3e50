import { expect, test } from 'vitest';
import { decodeUtf8 } from './utf8.ts';

test.each(['', 'plain', '垃圾 🦀 \ufffd \0', '\ufeffwith a mark'])('%j arrives as it is', (text) => {
  expect(decodeUtf8(Buffer.from(text))).toEqual({ kind: 'text', text });
});

test.each<[string, number[], string]>([
  ['Latin-1', [0x61, 0xfc, 0x62], 'it has to be UTF-8, and is not from byte 2 on (fc)'],
  ['a character that is cut', [0x61, 0xe5, 0x9e], 'it has to be UTF-8, and is not from byte 2 on (e5)'],
  ['half of a pair', [0xed, 0xa0, 0x80], 'it has to be UTF-8, and is not from byte 1 on (ed)'],
  ['UTF-16', [0xff, 0xfe, 0x61, 0x00], 'it has to be UTF-8, and is not from byte 1 on (ff)'],
  ['one behind a right mark of replacement', [0xef, 0xbf, 0xbd, 0x80], 'from byte 4 on (80)'],
])('%s is refused with the byte where it goes wrong', (_what, bytes, why) => {
  expect(decodeUtf8(Buffer.from(bytes))).toMatchObject({ kind: 'refused', why: expect.stringContaining(why) });
});
