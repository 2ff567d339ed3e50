import { expect, test } from 'vitest';
import { z } from 'zod';
import { explainIssues } from './unknown-keys.ts';

test.each([
  [z.string(), 8080, 'must be text, not a number; write it in quotes'],
  [z.string(), Number.NaN, 'must be text, not a number without a value; write it in quotes'],
  [z.string(), ['a'], 'must be text, not a list'],
  [z.string(), undefined, 'is missing; it must be text'],
  [z.boolean(), 'yes', 'must be true or false, not text'],
  [z.int(), 1.5, 'must be a whole number'],
  [z.int(), '1', 'must be a number, not text'],
  [z.array(z.string()), 'a', 'must be a list, not text'],
  [z.string('is not a name'), 1, 'is not a name'],
  [z.enum(['a', 'b']), 'c', 'Invalid option: expected one of "a"|"b"'],
])('%s does not take %j: %s', (schema, value, sentence) => {
  const whole = z.object({ key: schema });
  const parsed = whole.safeParse({ key: value });
  if (parsed.success) throw new Error('it was taken');
  expect(explainIssues(parsed.error, whole)).toBe(`key: ${sentence}`);
});
