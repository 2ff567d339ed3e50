/**
 * Writers are strict, readers are tolerant (docs/compatibility.md): from the schema that a writer validates against
 * follows the one that a reader uses. It drops unknown fields (a loose object keeps them), and takes any text where an open enumeration stands.
 */
import { z } from 'zod';

const openEnums = new WeakSet<z.ZodType>();

/**
 * An enumeration that later versions add members to without a new version of their event: readers keep a member that
 * they do not know as text. So whoever acts on such a value has to say what an unknown one means.
 */
export function openEnum<const T extends readonly [string, ...string[]]>(values: T): z.ZodType<T[number]> {
  const schema = z.enum(values);
  openEnums.add(schema);
  return schema as unknown as z.ZodType<T[number]>;
}

/** The reader's schema for what a writer wrote with `schema`, or with a later one that only adds to it. */
export function tolerant<S extends z.ZodType>(schema: S): S {
  return relax(schema) as unknown as S;
}

type Def = Record<string, unknown> & { readonly type: string };

const relaxed = new WeakMap<z.core.$ZodType, z.core.$ZodType>();

function relax(schema: z.core.$ZodType): z.core.$ZodType {
  const known = relaxed.get(schema);
  if (known !== undefined) return known;
  const made = openEnums.has(schema as z.ZodType) ? z.string() : rebuilt(schema);
  relaxed.set(schema, made);
  return made;
}

/** The parts of a schema by which it contains others. */
const parts = ['innerType', 'in', 'out', 'element', 'keyType', 'valueType', 'left', 'right'] as const;

function rebuilt(schema: z.core.$ZodType): z.core.$ZodType {
  const def = schema._zod.def as unknown as Def;
  const changes: Record<string, unknown> = {};
  for (const part of parts) if (isSchema(def[part])) changes[part] = relax(def[part]);
  if (Array.isArray(def['options'])) changes['options'] = def['options'].map((option) => relax(option));
  if (Array.isArray(def['items'])) changes['items'] = def['items'].map((item) => relax(item));
  if (def.type === 'object') {
    const shape = Object.entries(def['shape'] as Record<string, z.core.$ZodType>);
    changes['shape'] = Object.fromEntries(shape.map(([key, field]) => [key, relax(field)]));
    // Without a catch-all an object drops what it does not know; one that was declared to keep that keeps it.
    const keeps = isSchema(def['catchall']) && def['catchall']._zod.def.type === 'unknown';
    if (!keeps) changes['catchall'] = undefined;
  }
  return Object.keys(changes).length === 0 ? schema : z.core.clone(schema, { ...def, ...changes } as never);
}

function isSchema(value: unknown): value is z.core.$ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value;
}
