/** Values that survive JSON unchanged: inputs, results. */
import { z } from 'zod';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export const jsonSchema: z.ZodType<Json> = z.json();
export const jsonObjectSchema = z.record(z.string(), jsonSchema);

/** Deeper than data that people make, and far from what a stack can take in any service. */
const maxDepth = 100;

/** Why `value` cannot travel as JSON unchanged, or null when it can. */
export function jsonProblem(value: unknown): string | null {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    return error instanceof RangeError ? 'it is nested too deeply' : 'it refers to itself';
  }
  if (text === undefined) return 'it is nothing that JSON has a form for';
  if (/\\u[dD][89a-fA-F]/.test(text) && hasHalfCharacter(value)) return 'a text in it has half a character; give UTF-8';
  // In a string the quotes would be escaped. Most parsers drop such a key without a word.
  if (text.includes('"__proto__":')) return 'no key may be called "__proto__"';
  return isDeeper(value, maxDepth) ? `it is nested more than ${maxDepth} levels deep` : null;
}

/** Nothing that UTF-8 could carry. */
function hasHalfCharacter(value: unknown): boolean {
  if (typeof value === 'string') return !value.isWellFormed();
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, inner]) => !key.isWellFormed() || hasHalfCharacter(inner));
}

/** True for what has lists and maps in more than so many levels. */
export function isDeeper(value: unknown, levels: number): boolean {
  let level = [value];
  for (let depth = 0; depth <= levels; depth++) {
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return level.length > 0;
}
