/** The words of the command line as bytes: Node has replaced what is no UTF-8 before anybody sees it. */
import { readFileSync } from 'node:fs';
import { decodeUtf8 } from '@vm-task/shared/utf8';

/** A sentence about the first word that is not what was given, or null. Words are counted behind the program's own. */
export function wordsProblem(
  argv: readonly string[],
  commandLine = () => readFileSync('/proc/self/cmdline'),
): string | null {
  if (!argv.some((word) => word.includes('\ufffd'))) return null;
  const given = splitWords(commandLine()).slice(-(argv.length - 2));
  for (const [index, bytes] of given.entries()) {
    const decoded = decodeUtf8(bytes);
    if (decoded.kind === 'refused') return `word ${index + 1} of the command line cannot be taken: ${decoded.why}`;
  }
  return null;
}

/** Each ends in a NUL. */
function splitWords(bytes: Buffer): Buffer[] {
  const words: Buffer[] = [];
  for (let begin = 0, end = bytes.indexOf(0); end !== -1; begin = end + 1, end = bytes.indexOf(0, begin)) {
    words.push(bytes.subarray(begin, end));
  }
  return words;
}
