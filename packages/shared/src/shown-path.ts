/** Names of files in what people read: a guest may put anything into a name. */

/**
 * What moves a cursor, reverses what stands beside it, cannot be seen or stands for bytes that are no text; and the signs
 * that would make one spelling stand for two names.
 */
const odd = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}"\\\ufffd]|^\s|\s$/u;
const escaped = /[\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u007f-\u009f\ufffd]/gu;

/** On one line; as it is where every character of it is what it looks like, else in quotes with JSON's escapes. */
export function shownPath(path: string): string {
  return odd.test(path) ? JSON.stringify(path).replace(escaped, escapesOf) : path;
}

function escapesOf(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
