/**
 * Patterns of paths, matched in steps that are at most the length of the pattern times that of the path: both come from
 * others, and what makes a regular expression of a pattern takes years for some. `*`, `?`, `[a-z]` and `[!a]` stay within a
 * name, `**` is any number of folders, `{a,b}` is either, `\` takes what follows as it is; a dot at the beginning of a name
 * has to be written.
 */

/** One character of a name, or any number of them. */
type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'one'; readonly isDot: boolean; readonly takes: (char: string) => boolean };
type Segment = 'any folders' | readonly Token[];

export interface Glob {
  matches(path: string): boolean;
  /** As `matches`, for names that begin with a dot, too, wherever that is not written. */
  matchesHidden(path: string): boolean;
  /** False when nothing below the folder can match. */
  mayMatchBelow(folder: string): boolean;
}

/** More than anybody writes out. */
const alternativesMax = 100;

/** @throws Error that says what of the pattern is not understood, behind its name */
export function parseGlob(pattern: string): Glob {
  const globs = alternatives(pattern.replace(/^(\.\/+)+/, '')).map(segmentsOf);
  return {
    matches: (path) => globs.some((segments) => endsOf(segments, path).has(segments.length)),
    matchesHidden: (path) => globs.some((segments) => endsOf(segments, path, true).has(segments.length)),
    mayMatchBelow: (folder) =>
      globs.some((segments) => [...endsOf(segments, folder)].some((at) => at < segments.length)),
  };
}

/** How far in the pattern one can be behind the path. */
function endsOf(segments: readonly Segment[], path: string, hidden = false): Set<number> {
  let at = skipFolders(segments, new Set([0]));
  for (const name of path.split('/')) {
    const next = new Set<number>();
    for (const place of at) {
      const segment = segments[place];
      if (segment === 'any folders' && (hidden || !name.startsWith('.'))) next.add(place);
      else if (segment !== undefined && segment !== 'any folders' && isName(segment, name, hidden)) next.add(place + 1);
    }
    at = skipFolders(segments, next);
  }
  return at;
}

/** Any number of folders may be none. */
function skipFolders(segments: readonly Segment[], places: Set<number>): Set<number> {
  for (const place of places) if (segments[place] === 'any folders') places.add(place + 1);
  return places;
}

/** After a star, only the last one has to be tried again: what an earlier one could take, it can take, too. */
function isName(tokens: readonly Token[], name: string, hidden: boolean): boolean {
  const [first] = tokens;
  if (!hidden && name.startsWith('.') && !(first?.kind === 'one' && first.isDot)) return false;
  let [at, token, star, from] = [0, 0, -1, 0];
  while (at < name.length) {
    const wanted = tokens[token];
    if (wanted?.kind === 'star') [star, from, token] = [token, at, token + 1];
    else if (wanted?.takes(name[at] ?? '') === true) [at, token] = [at + 1, token + 1];
    else if (star >= 0) [from, at, token] = [from + 1, from + 1, star + 1];
    else return false;
  }
  return tokens.slice(token).every(({ kind }) => kind === 'star');
}

/** What ends in any number of folders wants a name behind them. */
function segmentsOf(pattern: string): Segment[] {
  const segments = pattern.split(/\/+/).map(segmentOf);
  return segments.at(-1) === 'any folders' ? [...segments, [{ kind: 'star' }]] : segments;
}

function segmentOf(text: string): Segment {
  if (/^\*\*+$/.test(text)) return 'any folders';
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const { token, end } = tokenAt(text, at);
    tokens.push(token);
    at = end;
  }
  return tokens;
}

function tokenAt(text: string, at: number): { token: Token; end: number } {
  const char = text[at] ?? '';
  if (/[@?+*!]/.test(char) && text[at + 1] === '(')
    throw new Error(`has ${char}(…), which is not understood; write {a,b}`);
  if (char === '*') return { token: { kind: 'star' }, end: at + 1 };
  if (char === '?') return { token: { kind: 'one', isDot: false, takes: () => true }, end: at + 1 };
  if (char === '[') return setAt(text, at);
  const literal = char === '\\' ? (text[at + 1] ?? char) : char;
  const token = { kind: 'one', isDot: literal === '.', takes: (given: string) => given === literal } as const;
  return { token, end: at + (char === '\\' ? 2 : 1) };
}

/** `[abc]`, `[a-z]`, `[!a]` and `[^a]`. */
function setAt(text: string, at: number): { token: Token; end: number } {
  const isNot = text[at + 1] === '!' || text[at + 1] === '^';
  const begin = at + (isNot ? 2 : 1);
  const end = text.indexOf(']', begin + 1);
  if (end === -1) throw new Error('has a "[" without its "]"');
  const ranges = [...text.slice(begin, end).matchAll(/(.)-(.)|(.)/gs)].map(
    ([, from, to, one]) => [from ?? one ?? '', to ?? one ?? ''] as const,
  );
  const takes = (char: string) => ranges.some(([from, to]) => char >= from && char <= to) !== isNot;
  return { token: { kind: 'one', isDot: false, takes }, end: end + 1 };
}

/** The pattern with each of its braces written out. */
function alternatives(pattern: string): string[] {
  const done: string[] = [];
  const open = [pattern];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const braces = bracesIn(next);
    if (braces === null) done.push(next);
    else open.push(...braces);
    if (done.length + open.length > alternativesMax) throw new Error(`has more than ${alternativesMax} alternatives`);
  }
  return done;
}

/** Null for a pattern without braces; else one for each alternative of the first ones. */
function bracesIn(text: string): string[] | null {
  const begin = text.search(/(?<!\\)\{/);
  if (begin === -1) return null;
  const commas: number[] = [];
  let depth = 0;
  for (let at = begin; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '{') depth++;
    else if (text[at] === ',' && depth === 1) commas.push(at);
    else if (text[at] === '}' && --depth === 0) return alternativesOf(text, begin, commas, at);
  }
  throw new Error('has a "{" without its "}"');
}

function alternativesOf(text: string, begin: number, commas: readonly number[], end: number): string[] {
  const inside = text.slice(begin, end + 1);
  if (commas.length === 0) throw new Error(`has ${inside}, which is not understood; write {1,2,3}`);
  const starts = [begin, ...commas];
  return starts.map(
    (start, at) => text.slice(0, begin) + text.slice(start + 1, commas[at] ?? end) + text.slice(end + 1),
  );
}
