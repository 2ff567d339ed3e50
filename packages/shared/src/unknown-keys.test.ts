import { expect, test } from 'vitest';
import { z } from 'zod';
import { explainIssues, nearest } from './unknown-keys.ts';

const schema = z.strictObject({ run: z.string().optional(), inputs: z.record(z.string(), z.number()).optional() });

function explain(value: unknown): string {
  const { error } = schema.safeParse(value);
  return error === undefined ? 'none' : explainIssues(error, schema);
}

test('an unknown key is told with the nearest one, or with those that there are', () => {
  expect(explain({ rnu: 1 })).toBe('rnu: unknown key; did you mean "run"?');
  expect(explain({ something: 1 })).toBe('something: unknown key; known are run, inputs');
});

test('of any number of wrong keys ten are looked at, and the others counted', () => {
  const keys = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`k${index}`, 1]));
  expect(explain(keys)).toMatch(/^(k\d: unknown key; known are run, inputs; ){10}and 199990 more$/);
  const values = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`k${index}`, 'x']));
  expect(explain({ inputs: values }).split('; ')).toHaveLength(11);
});

test('what is as long as nobody writes is near to nothing', () => {
  expect(nearest('x'.repeat(100_000), ['x'.repeat(100_000)])).toBe(null);
});
