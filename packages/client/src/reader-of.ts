/** The tolerant twin of a schema of answers: the same members, of the same types, and nothing more is asked. */
import { z } from 'zod';

const readers = new WeakMap<z.core.$ZodType, z.ZodType>();

/** @throws when the schema is of a kind that no answer has had so far */
export function readerOf(schema: z.core.$ZodType): z.ZodType {
  const reader = readers.get(schema) ?? makeReader(schema);
  readers.set(schema, reader);
  return reader;
}

function makeReader(schema: z.core.$ZodType): z.ZodType {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object':
      return z.looseObject(Object.fromEntries(Object.entries(def.shape).map(([key, one]) => [key, readerOf(one)])));
    case 'record':
      return z.record(z.string(), readerOf(def.valueType));
    case 'array':
      return z.array(readerOf(def.element));
    case 'union':
      return z.union(def.options.map(readerOf));
    case 'nullable':
      return readerOf(def.innerType).nullable();
    case 'optional':
      return readerOf(def.innerType).optional();
    case 'string':
    case 'enum':
    case 'literal':
      return z.string();
    case 'number':
      return z.number();
    case 'boolean':
      return z.boolean();
    // Any JSON, and what only the compiler knows.
    case 'lazy':
    case 'custom':
    case 'unknown':
      return z.unknown();
    default:
      throw new Error(`answers with a ${def.type} cannot be read yet; add it here`);
  }
}
