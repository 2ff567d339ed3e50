import { expect, test } from 'vitest';
import { readJson } from './json-text.ts';

test.each([
  '{"a": [1, -2.50, 1e3, 0.1, 1e21, -0], "b": "9007199254740993", "c": {"a": "}"}}',
  '[{"a": 1}, {"a": 1}, ["a", "a"]]',
  String.raw`{"a\"": 1, "a\\": 2, "a\\\"": "\"b\": 12345678901234567890", "\ud83e\udd80": "\\ud800"}`,
  '"text: 1"',
  ' 7 ',
])('%s is what it says', (text) => {
  expect(readJson(text)).toEqual({ kind: 'value', value: JSON.parse(text) });
});

test('a mark of the byte order before it says nothing', () => {
  expect(readJson('\ufeff{"a": 1}')).toEqual({ kind: 'value', value: { a: 1 } });
});

test.each([
  [
    '[1,\n\n12345678901234567890]',
    'the number 12345678901234567890 at line 3 would not keep its digits; write it in quotes',
  ],
  ['{"a": 1e400}', 'the number 1e400 at line 1 would not keep its digits'],
  ['{"a": {"b": 1, "b": 2}}', 'the key "b" is there twice, at line 1'],
  ['{"__proto__": 1}', 'no key may be called "__proto__"'],
  [String.raw`["\ud800"]`, 'half a character'],
  [String.raw`{"\uDC00x": 1}`, 'half a character'],
])('%s would not arrive as it is', (text, why) => {
  expect(readJson(text)).toMatchObject({ kind: 'altered', why: expect.stringContaining(why) });
});

test.each(['', '{', "{'a': 1}", '1 2', 'a: 1'])('%j is no JSON', (text) => {
  expect(readJson(text)).toMatchObject({ kind: 'syntax' });
});
