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
  if (isDeeper(value, maxDepth)) return `it is nested more than ${maxDepth} levels deep`;
  const wrong = wrongIn(value);
  return wrong === null ? null : `${wrong.path.join('.')}${wrong.path.length > 0 ? ': ' : ''}${wrong.message}`;
}

interface Wrong {
  readonly path: readonly string[];
  readonly message: string;
}

const halfPair = 'half of a surrogate pair, which is no character; send bytes in an encoding such as base64';

/** The first text or key that would not arrive as it is. The value is not deep. */
function wrongIn(value: unknown): Wrong | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : { path: [], message: `has ${halfPair}` };
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    // Most parsers drop such a key without a word.
    if (key === '__proto__') return { path: [key], message: 'no key may be called "__proto__"' };
    if (!key.isWellFormed()) return { path: [], message: `a key has ${halfPair}` };
    const wrong = wrongIn(inner);
    if (wrong !== null) return { ...wrong, path: [key, ...wrong.path] };
  }
  return null;
}

interface Place {
  readonly within: Place | null;
  readonly key: string;
  readonly value: unknown;
}

/** Where `value` has a key that most readers drop without a word, as a sentence; or null. It may be deep, and a loop. */
export function reservedKeyIn(value: unknown): string | null {
  const seen = new Set<unknown>();
  const left: Place[] = [{ within: null, key: '', value }];
  for (let place = left.pop(); place !== undefined; place = left.pop()) {
    if (seen.has(place.value)) continue;
    seen.add(place.value);
    const inner = placesIn(place);
    const reserved = inner.find(({ key }) => key === '__proto__');
    if (reserved !== undefined) return `${pathTo(reserved)}: no key may be called "__proto__"`;
    for (const one of inner) if (typeof one.value === 'object' && one.value !== null) left.push(one);
  }
  return null;
}

function placesIn(within: Place): Place[] {
  if (typeof within.value !== 'object' || within.value === null) return [];
  return Object.entries(within.value).map(([key, value]) => ({ within, key, value }));
}

function pathTo(place: Place): string {
  const keys: string[] = [];
  for (let at = place; at.within !== null; at = at.within) keys.unshift(at.key);
  return keys.join('.');
}

/** True for what has lists and maps in more than so many levels. */
export function isDeeper(value: unknown, levels: number): boolean {
  let level = [value];
  for (let depth = 0; depth <= levels; depth++) {
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return level.length > 0;
}
