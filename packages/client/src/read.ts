/**
 * Answers as a client reads them. Servers are newer than clients now and then, and within `/v1` they only ever add:
 * members, and words where a schema lists words. So what the schemas do not know is left as it is, a word may be any
 * text, and of limits and forms nothing is asked. A member that is missing, or is of another type, is an error.
 */
import { VmTaskError } from '@vm-task/shared/errors';
import type { Json } from '@vm-task/shared/json';
import type { z } from 'zod';
import { readerOf } from './reader-of.ts';

/** So many wrong members say enough. */
const shownMax = 10;

/** A word of a later version: to the compiler, anything may come where a schema lists words. */
type Word = string & {};

/** What a schema's output is to whoever reads it. */
export type Read<T> = [Json] extends [T] ? T : ReadPart<T>;

type ReadPart<T> = T extends string
  ? string extends T
    ? T
    : T | Word
  : T extends object
    ? { [Key in keyof T]: Read<T[Key]> }
    : T;

/**
 * The value as it came, now that it was looked at.
 *
 * @param source what the value is, for the error
 * @throws `internal` when a member is missing or of another type, with each of them
 */
export function read<S extends z.ZodType>(schema: S, value: unknown, source: string): Read<z.output<S>> {
  assertReadable(schema, value, source);
  return value;
}

function assertReadable<S extends z.ZodType>(
  schema: S,
  value: unknown,
  source: string,
): asserts value is Read<z.output<S>> {
  const problems = readerOf(schema)(value, '');
  if (problems.length === 0) return;
  const more = problems.length > shownMax ? [`and ${problems.length - shownMax} more`] : [];
  const what = [...problems.slice(0, shownMax), ...more].join('; ');
  throw new VmTaskError('internal', `${source} cannot be read, perhaps because it is of another version: ${what}`);
}
