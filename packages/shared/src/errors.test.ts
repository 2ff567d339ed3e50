import { readFileSync } from 'node:fs';
import { tableIn } from '@vm-task/testing/markdown';
import { expect, test } from 'vitest';
import { errorCodes, errorInfo, VmTaskError } from './errors.ts';

test('docs/errors.md lists every error with its status, and no other', () => {
  const table = tableIn(readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8'));
  const expected = Object.entries(errorCodes).map(([code, { status, permanent, title }]) => {
    return [code, `${status}`, permanent ? 'no' : 'yes', title];
  });
  expect(table).toEqual(expected);
});

test('an error of ours keeps its code and sentence, with its cause', () => {
  const cause = new Error('EACCES');
  const error = new VmTaskError('invalid-config', 'vm-task.yaml cannot be read', { cause });
  expect(errorInfo(error)).toEqual({ code: 'invalid-config', message: 'vm-task.yaml cannot be read' });
  expect(error.cause).toBe(cause);
  expect(error).toBeInstanceOf(Error);
});

test('an error of anybody else is internal, with what it says', () => {
  expect(errorInfo(new TypeError('x is not a function'))).toEqual({ code: 'internal', message: 'x is not a function' });
  expect(errorInfo('a string')).toEqual({ code: 'internal', message: 'a string' });
});
