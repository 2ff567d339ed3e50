/** What a secret's value may be, wherever it is kept. */

/** Where it is masked in output, a shorter one would shred that without hiding anything. */
const minChars = 4;
/** As all secrets of a task together: what is longer cannot be looked for in its output. */
export const secretMaxBytes = 32 * 1024;

/** Why that cannot be a secret's value, without repeating it; null for what can. */
export function secretProblem(value: string): string | null {
  if ([...value].length < minChars || value.includes('\0')) {
    return `must have at least ${minChars} characters, or masking it would shred the output, and no NUL`;
  }
  if (!value.isWellFormed()) return 'must be UTF-8 text, because it becomes an environment variable';
  const bytes = new TextEncoder().encode(value).length;
  return bytes > secretMaxBytes ? `has ${bytes} bytes and may have ${secretMaxBytes}` : null;
}
