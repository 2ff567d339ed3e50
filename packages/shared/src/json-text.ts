/** Text that is JSON, read so that nothing of it is lost: what `JSON.parse` would alter is refused. */
import { inexact, isExact } from './exact-number.ts';
import type { Json } from './json.ts';

export type ReadJson =
  | { readonly kind: 'value'; readonly value: Json }
  /** It is not JSON at all. */
  | { readonly kind: 'syntax'; readonly why: string }
  /** It is JSON, and the value would say something else. */
  | { readonly kind: 'altered'; readonly why: string };

/** Takes work that is linear in the text. */
export function readJson(marked: string): ReadJson {
  const text = marked.startsWith('\ufeff') ? marked.slice(1) : marked;
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    return { kind: 'syntax', why: (error as Error).message };
  }
  const why = alterationOf(text);
  return why === null ? { kind: 'value', value } : { kind: 'altered', why };
}

/** What of a text that is JSON does not survive: digits, keys that are there twice, keys that mean something else. */
function alterationOf(text: string): string | null {
  const open: Set<string>[] = [];
  for (const { kind, begin, end } of tokensOf(text)) {
    // A list has a set of its own, which stays empty.
    if (kind === 'open') open.push(new Set());
    else if (kind === 'close') open.pop();
    else {
      const source = text.slice(begin, end);
      const problem = problemOf(kind, source, open.at(-1));
      if (problem !== null) return problem(lineOf(text, begin));
    }
  }
  return null;
}

type Problem = (place: string) => string;

function problemOf(kind: 'key' | 'text' | 'number', source: string, keys: Set<string> | undefined): Problem | null {
  if (kind === 'number') return numberProblem(source);
  return textProblem(source) ?? (kind === 'key' ? keyProblem(source, keys) : null);
}

/** Only what is escaped can be half of a pair: the text itself was UTF-8. */
function textProblem(quoted: string): Problem | null {
  if (!quoted.includes('\\u') || (JSON.parse(quoted) as string).isWellFormed()) return null;
  return (place) => `the text at ${place} has half a character; give UTF-8`;
}

function keyProblem(quoted: string, keys: Set<string> | undefined): Problem | null {
  const key = JSON.parse(quoted) as string;
  if (key === '__proto__') return (place) => `no key may be called "__proto__", as at ${place}`;
  if (keys?.has(key)) return (place) => `the key ${JSON.stringify(key)} is there twice, at ${place}`;
  keys?.add(key);
  return null;
}

function numberProblem(source: string): Problem | null {
  return isExact(source, Number(source)) ? null : (place) => inexact(source, place);
}

interface Token {
  readonly kind: 'open' | 'close' | 'key' | 'text' | 'number';
  readonly begin: number;
  readonly end: number;
}

const opening = /[{[]/;
const closing = /[}\]]/;
const beginOfNumber = /[-\d]/;

function* tokensOf(text: string): Generator<Token> {
  for (let begin = 0, end = 1; begin < text.length; begin = end, end = begin + 1) {
    const character = text[begin] ?? '';
    if (character === '"') {
      end = endOfString(text, begin);
      yield { kind: isKey(text, end) ? 'key' : 'text', begin, end };
    } else if (beginOfNumber.test(character)) {
      end = endOfNumber(text, begin);
      yield { kind: 'number', begin, end };
    } else if (opening.test(character)) yield { kind: 'open', begin, end };
    else if (closing.test(character)) yield { kind: 'close', begin, end };
  }
}

/** Behind the closing quote: the first one that no odd number of backslashes stands before. */
function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (/\s/.test(text[at] ?? '')) at++;
  return text[at] === ':';
}

function endOfNumber(text: string, begin: number): number {
  let end = begin + 1;
  while (/[\d.eE+-]/.test(text[end] ?? '')) end++;
  return end;
}

/** `line 3`, for a sentence. */
export function lineOf(text: string, offset: number): string {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return `line ${line}`;
}
