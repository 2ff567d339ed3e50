import { expect, test } from 'vitest';
import { parameterFromText } from './parameters.ts';

test.each([
  ['9007199254740992', 'integer', 9007199254740992],
  ['9007199254740993', 'string', '9007199254740993'],
  ['[1, "a"]', 'list', [1, 'a']],
])('%s as a %s of the command line is the value', (text, type, value) => {
  expect(parameterFromText('n', text, type)).toEqual(value);
});

test.each([
  ['9007199254740993', 'integer', 'parameters.n: the number 9007199254740993 at line 1 would not keep its digits'],
  ['{"a": 1, "a": 2}', 'map', 'parameters.n: the key "a" is there twice'],
  ['{', 'map', 'parameters.n: "{" is not a map, as JSON'],
])('%s as a %s is refused with a sentence', (text, type, sentence) => {
  expect(() => parameterFromText('n', text, type)).toThrow(sentence);
});
