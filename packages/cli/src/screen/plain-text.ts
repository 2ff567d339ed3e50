/** Text from guests and users on its way to a table or an error: without anything that moves a terminal's cursor. */
import { stripVTControlCharacters } from 'node:util';

/** One line: control characters become spaces. */
export function plainLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim();
}

/** Lines and tabs stay; everything else that moves the cursor goes. */
export function plainLines(text: string): string {
  return stripVTControlCharacters(text).replace(/[^\P{Cc}\n\t]/gu, '');
}

/** As long as `length` at most; what is cut shows as an ellipsis. */
export function shorten(text: string, length: number): string {
  const line = plainLine(text);
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
