/** A machine's own words, for an error or a log: so much of them as a sentence has. */

/** Enough for a cause with a path in it. */
const shownMaxChars = 300;

export function guestText(bytes: Buffer | string): string {
  // A character has at most four bytes: what is longer is never decoded.
  const text = typeof bytes === 'string' ? bytes : bytes.toString('utf8', 0, 4 * shownMaxChars + 4);
  return text.length <= shownMaxChars ? text : `${text.slice(0, shownMaxChars)}…`;
}
