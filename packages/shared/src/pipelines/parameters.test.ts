import { expect, test } from 'vitest';
import { pipelineFileSchema } from './file.ts';
import { parameterFromText, resolveParameters } from './parameters.ts';

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

test('of any number of values for which there is no parameter ten are told, and the others counted', () => {
  const declared = Object.fromEntries(
    Array.from({ length: 256 }, (_, index) => [`p${index}`, { type: 'string' as const }]),
  );
  const given = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`unlike-any-${index}`, 1]));
  const told = (): string => {
    try {
      return JSON.stringify(resolveParameters(declared, given));
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(told()).toContain('parameters.unlike-any-0: there is no such parameter; known are p0, p1,');
  expect(told()).toContain('and 50246 more');
  expect(told().length).toBeLessThan(20_000);
});

test('a pipeline may have 256 parameters', () => {
  const file = (count: number) => ({
    parameters: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: 'string' }])),
    stages: { a: { run: 'true' } },
  });
  expect([256, 257].map((count) => pipelineFileSchema.safeParse(file(count)).success)).toEqual([true, false]);
});
