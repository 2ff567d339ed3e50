/**
 * What a value has to be to be read by a schema of answers: the same members, of the same types, and nothing more is asked.
 * Of schemas only their structure is used, and nothing of zod is run: the bundle of the command line has that structure
 * as data (`write-bundle.ts`), because to make the schemas takes longer than all else that a command does.
 */
import type { z } from 'zod';

/** Where a value is not as it has to be: each place, with what has to be there. */
export type Reader = (value: unknown, place: string) => readonly string[];

const readers = new WeakMap<z.core.$ZodType, Reader>();

/** @throws when the schema is of a kind that no answer has had so far */
export function readerOf(schema: z.core.$ZodType): Reader {
  const reader = readers.get(schema) ?? makeReader(schema);
  readers.set(schema, reader);
  return reader;
}

function makeReader(schema: z.core.$ZodType): Reader {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object':
      return membersReader(Object.entries(def.shape).map(([key, one]) => [key, readerOf(one)]));
    case 'record':
      return recordReader(readerOf(def.valueType));
    case 'array':
      return listReader(readerOf(def.element));
    case 'union':
      return eitherReader(def.options.map(readerOf));
    case 'nullable':
      return unless(null, readerOf(def.innerType));
    case 'optional':
      return unless(undefined, readerOf(def.innerType));
    case 'string':
    case 'enum':
    case 'literal':
      return typeReader('string');
    case 'number':
      return typeReader('number');
    case 'boolean':
      return typeReader('boolean');
    // Any JSON, and what only the compiler knows.
    case 'lazy':
    case 'custom':
    case 'unknown':
      return () => [];
    default:
      throw new Error(`answers with a ${def.type} cannot be read yet; add it here`);
  }
}

function membersReader(members: readonly (readonly [string, Reader])[]): Reader {
  return (value, place) =>
    isObject(value)
      ? members.flatMap(([key, read]) => read(value[key], within(place, key)))
      : [must(place, 'an object')];
}

function recordReader(read: Reader): Reader {
  return (value, place) =>
    isObject(value)
      ? Object.entries(value).flatMap(([key, one]) => read(one, within(place, key)))
      : [must(place, 'an object')];
}

function listReader(read: Reader): Reader {
  return (value, place) =>
    Array.isArray(value) ? value.flatMap((one, at) => read(one, within(place, String(at)))) : [must(place, 'a list')];
}

function eitherReader(forms: readonly Reader[]): Reader {
  return (value, place) =>
    forms.some((read) => read(value, place).length === 0) ? [] : [must(place, 'of one of the forms that it may have')];
}

function unless(absent: null | undefined, read: Reader): Reader {
  return (value, place) => (value === absent ? [] : read(value, place));
}

function typeReader(type: 'string' | 'number' | 'boolean'): Reader {
  return (value, place) => (typeof value === type ? [] : [must(place, `a ${type}`)]);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function within(place: string, key: string): string {
  return place === '' ? key : `${place}.${key}`;
}

function must(place: string, be: string): string {
  return `${place === '' ? 'it' : place} must be ${be}`;
}
