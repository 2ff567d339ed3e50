/** A pipeline's parameters: what whoever submits it may, or has to, say. */
import { z } from 'zod';
import { VmTaskError } from '../errors.ts';
import { type Json, jsonSchema } from '../json.ts';
import { readJson } from '../json-text.ts';
import { fewOf, nearest } from '../unknown-keys.ts';

const types = {
  string: z.string(),
  integer: z.int(),
  number: z.number(),
  boolean: z.boolean(),
  list: z.array(jsonSchema),
  map: z.record(z.string(), jsonSchema),
} as const;
export const parameterTypes = Object.keys(types) as [keyof typeof types, ...(keyof typeof types)[]];

/** A name that expressions can write as `params.name`. */
export const parameterNameSchema = z
  .string()
  .regex(/^[a-zA-Z][a-zA-Z0-9_]{0,63}$/, 'must be 1 to 64 letters, digits and _, and begin with a letter');

export const parameterSchema = z
  .strictObject({
    type: z.enum(parameterTypes),
    /** Without one, it must be given. */
    default: jsonSchema.optional(),
    options: z.array(jsonSchema).min(1).max(256).optional(),
    description: z.string().max(1_000).optional(),
  })
  .superRefine((parameter, context) => {
    if (parameter.default === undefined) return;
    const problem = problemOf(parameter, parameter.default);
    if (problem !== null) context.addIssue({ code: 'custom', path: ['default'], message: problem });
  });
export type Parameter = z.infer<typeof parameterSchema>;
/** More than anybody can fill in. */
const parametersMax = 256;
/** All of a pipeline or a template. */
export const parametersSchema = z
  .record(parameterNameSchema, parameterSchema)
  .refine((parameters) => Object.keys(parameters).length <= parametersMax, `there may be ${parametersMax} of them`);
export type Parameters = Readonly<Record<string, Parameter>>;

/** Every parameter with its value. @throws `invalid-pipeline` with everything that is wrong. */
export function resolveParameters(declared: Parameters, given: Readonly<Record<string, Json>>): Record<string, Json> {
  const names = Object.keys(declared);
  const problems = Object.keys(given)
    .filter((name) => !Object.hasOwn(declared, name))
    .map((name) => () => `parameters.${name}: there is no such parameter; ${hintFor(name, names)}`);
  const resolved: Record<string, Json> = {};
  for (const [name, parameter] of Object.entries(declared)) {
    const value = Object.hasOwn(given, name) ? given[name] : parameter.default;
    const problem = value === undefined ? `is missing; it is ${aOrAn(parameter.type)}` : problemOf(parameter, value);
    if (problem !== null) problems.push(() => `parameters.${name}: ${problem}`);
    else if (value !== undefined) resolved[name] = value;
  }
  if (problems.length > 0) throw new VmTaskError('invalid-pipeline', fewOf(problems));
  return resolved;
}

function hintFor(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  return near === null ? `known are ${names.join(', ') || 'none'}` : `did you mean "${near}"?`;
}

/** A value as it is written on a command line: text for a string or an unknown parameter, JSON for all else. @throws `invalid-pipeline` */
export function parameterFromText(name: string, text: string, type: string | undefined): Json {
  if (type === undefined || type === 'string') return text;
  const read = readJson(text);
  if (read.kind === 'value') return read.value;
  const why = read.kind === 'altered' ? read.why : `${JSON.stringify(text)} is not ${aOrAn(type)}, as JSON`;
  throw new VmTaskError('invalid-pipeline', `parameters.${name}: ${why}`);
}

function problemOf({ type, options }: Pick<Parameter, 'type' | 'options'>, value: Json): string | null {
  if (!types[type].safeParse(value).success) return `${shown(value)} is not ${aOrAn(type)}`;
  if (options === undefined || options.some((option) => JSON.stringify(option) === JSON.stringify(value))) return null;
  return `${shown(value)} is none of ${options.map(shown).join(', ')}`;
}

function aOrAn(type: string): string {
  return `${type === 'integer' ? 'an' : 'a'} ${type}`;
}

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
