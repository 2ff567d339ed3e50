/** Where an abandoned word has come back, in any text that git tracks. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { abandonedWords } from './abandoned-words.ts';

export interface Text {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

/** They tell how things were called, or name the words themselves, or are written by others. */
const left =
  /^(CHANGELOG\.md|docs\/adr\/|patches\/|pnpm-lock\.yaml|packages\/repository\/src\/[a-z-]*abandoned-words\.)/;

const groups = abandonedWords.map(({ pattern }, index) => `(?<w${index}>${pattern})`);
const anyWord = new RegExp(`(?<![a-z0-9])(?:${groups.join('|')})(?![a-z0-9])`, 'g');

/** `<path>:<line>: "<what stands there>": say <what instead>`, for each that is found in the path or in a line. */
export function findAbandonedWords({ path, text }: Text): string[] {
  const inPath = wordsIn(path).map((found) => `${path}: ${found}`);
  if (text.includes('\0') || wordsIn(text).length === 0) return inPath;
  const inLines = text
    .split('\n')
    .flatMap((line, index) => wordsIn(line).map((found) => `${path}:${index + 1}: ${found}`));
  return [...inPath, ...inLines];
}

export function readTrackedTexts(root: string): Text[] {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 });
  const paths = listed.split('\0').filter((path) => path !== '' && !left.test(path) && existsSync(join(root, path)));
  return paths.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

function wordsIn(text: string): string[] {
  return [...plain(text).matchAll(anyWord)].map(({ 0: found, groups: named = {} }) => {
    const word = abandonedWords.find((_, index) => named[`w${index}`] !== undefined);
    return `"${found}": say ${word?.instead}`;
  });
}

/** The words of a text and of its identifiers, in lower case: `inHand`, `in_hand` and `in-hand` become `in hand`. */
function plain(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[-_]/g, ' ')
    .toLowerCase();
}
