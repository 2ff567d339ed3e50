/** The contract as data, for programs that ask by it and have no schemas (the bundle of the command line). */
import type { z } from 'zod';

/** The same lists and members; of a route what a client asks and reads by, of a schema what `reader-of.ts` goes by. */
export function asData(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(asData);
  if (isSchema(value)) return { _zod: { def: structureOf(value) } };
  if (!('method' in value && 'path' in value)) return membersAsData(value);
  const { method, path, answer, live } = value as Readonly<Record<string, unknown>>;
  return membersAsData({ method, path, answer, live });
}

function membersAsData(value: object): object {
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, asData(one)]));
}

function isSchema(value: object): value is z.core.$ZodType {
  return '_zod' in value;
}

/** A kind that no reader knows is refused by its name, as that of the schema is. */
function structureOf(schema: z.core.$ZodType): object {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const { type } = def;
  switch (def.type) {
    case 'object':
      return { type, shape: membersAsData(def.shape) };
    case 'record':
      return { type, valueType: asData(def.valueType) };
    case 'array':
      return { type, element: asData(def.element) };
    case 'union':
      return { type, options: def.options.map(asData) };
    case 'nullable':
    case 'optional':
      return { type, innerType: asData(def.innerType) };
    default:
      return { type };
  }
}
