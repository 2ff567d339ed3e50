/**
 * zod's errors as sentences: the path, the offending value's problem, and for an unknown key the nearest known one.
 */
import { closest, distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { inPlainWords } from './wrong-type.ts';

/** Nobody writes a longer name; comparing takes the product of two lengths. */
const comparedMaxChars = 200;
/** Complaints that are told; the others are counted. */
const shownMax = 10;

/** The known word that `word` was probably meant to be, or null when none is near. */
export function nearest(word: string, known: readonly string[]): string | null {
  if (known.length === 0 || word.length > comparedMaxChars) return null;
  const best = closest(word, known);
  // Two slips of the finger in a short word, one in three letters of a long one.
  return distance(word, best) <= Math.max(2, Math.floor(best.length / 3)) ? best : null;
}

/**
 * One sentence per issue, at most ten, such as `timeouts.rnu: unknown key; did you mean "run"?`. `within` is where in a
 * larger whole the thing is that `schema` describes.
 */
export function explainIssues(
  error: Pick<z.ZodError, 'issues'>,
  schema: z.ZodType,
  within: readonly string[] = [],
): string {
  const complaints = error.issues.flatMap((issue) => explainIssue(issue, schema));
  return fewOf(
    complaints.map(
      ({ path, problem }) =>
        () =>
          `${[...within, ...path].join('.') || 'the whole'}: ${problem()}`,
    ),
  );
}

/** The first ten sentences, and how many more there are; the others are not even made. */
export function fewOf(sentences: readonly (() => string)[]): string {
  const shown = sentences.slice(0, shownMax).map((sentence) => sentence());
  if (sentences.length > shown.length) shown.push(`and ${sentences.length - shown.length} more`);
  return shown.join('; ');
}

interface Complaint {
  readonly path: readonly string[];
  /** Made when it is told. */
  readonly problem: () => string;
}

function explainIssue(issue: z.core.$ZodIssue, schema: z.ZodType): Complaint[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, issue.path);
    return issue.keys.map((key) => ({ path: [...path, key], problem: () => unknownKey(key, known) }));
  }
  if (issue.code === 'invalid_union') {
    const nested = mostSpecific(issue.errors);
    if (nested.length > 0) {
      return nested.flatMap((inner) => explainIssue({ ...inner, path: [...issue.path, ...inner.path] }, schema));
    }
  }
  const message = issue.code === 'invalid_key' ? issue.issues[0]?.message : issue.message;
  return [{ path, problem: () => inPlainWords(message ?? issue.message) }];
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  const hint = near === null ? `known are ${known.join(', ')}` : `did you mean "${near}"?`;
  return `unknown key; ${hint}`;
}

/** Of a union's branches, the one whose complaints go deepest is the one that was meant. */
function mostSpecific(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(0, ...issues.map((issue) => issue.path.length));
  const rejectedKeys = (issues: readonly z.core.$ZodIssue[]) => issues.filter((i) => i.code !== 'invalid_type').length;
  return [...branches].sort((a, b) => depth(b) - depth(a) || rejectedKeys(b) - rejectedKeys(a))[0] ?? [];
}

/** The keys that an object schema knows at a path; a union knows those of all its branches. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let level = unwrap(schema);
  for (const step of path) level = level.flatMap((inner) => child(inner, step)).flatMap(unwrap);
  return [...new Set(level.flatMap((inner) => Object.keys(shapeOf(inner) ?? {})))];
}

interface AnyDef {
  type: string;
  innerType?: z.ZodType;
  in?: z.ZodType;
  options?: z.ZodType[];
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  valueType?: z.ZodType;
}

function defOf(schema: z.ZodType): AnyDef {
  return schema.def as unknown as AnyDef;
}

function shapeOf(schema: z.ZodType): Record<string, z.ZodType> | undefined {
  return defOf(schema).shape;
}

function unwrap(schema: z.ZodType): z.ZodType[] {
  const def = defOf(schema);
  if (def.options !== undefined) return def.options.flatMap(unwrap);
  const inner = def.innerType ?? def.in;
  return inner === undefined ? [schema] : unwrap(inner);
}

function child(schema: z.ZodType, step: PropertyKey): z.ZodType[] {
  const def = defOf(schema);
  const next = def.shape?.[String(step)] ?? def.element ?? def.valueType;
  return next === undefined ? [] : [next];
}
