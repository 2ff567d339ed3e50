/** Values in which one thing may stand in many places, as aliases of YAML make them. */

/** Twice what any message may have. */
const maxChars = 16 * 1024 * 1024;

/** Why `value` cannot be written out, or null when it can. Takes work that is linear in what is there, not in what it unfolds to. */
export function unfoldedProblem(value: unknown): string | null {
  const known = new Map<object, number | 'open'>();
  try {
    const chars = charsOf(value, known);
    return chars > maxChars ? `its aliases unfold to more than ${maxChars} characters` : null;
  } catch (error) {
    if (error instanceof SelfReference) return 'it refers to itself';
    throw error;
  }
}

class SelfReference extends Error {}

/** As JSON, or a little less. */
function charsOf(value: unknown, known: Map<object, number | 'open'>): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 1;
  const before = known.get(value);
  if (before === 'open') throw new SelfReference();
  if (before !== undefined) return before;
  known.set(value, 'open');
  let chars = 2;
  for (const [key, inner] of Object.entries(value)) chars += key.length + 2 + charsOf(inner, known);
  known.set(value, chars);
  return chars;
}
