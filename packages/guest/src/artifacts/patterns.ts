/** Which files a task wants collected, as patterns relative to its working directory. */
import { VmTaskError } from '@vm-task/shared/errors';
import picomatch from 'picomatch';

export interface PatternSet {
  matches(path: string): boolean;
  /** False when nothing below the folder can match, so that nobody has to look. */
  mayMatchBelow(folder: string): boolean;
}

/** @throws `artifact-refused` for a pattern that is empty, absolute, negated or leads upwards. */
export function parsePatterns(patterns: readonly string[]): PatternSet {
  for (const pattern of patterns) check(pattern);
  const files = patterns.map((pattern) => picomatch(pattern));
  const folders = patterns.map(folderMatcher);
  return {
    matches: (path) => files.some((matches) => matches(path)),
    mayMatchBelow: (folder) => folders.some((matches) => matches(folder.split('/'))),
  };
}

function check(pattern: string): void {
  const refuse = (why: string) =>
    new VmTaskError('artifact-refused', `the artifact pattern ${JSON.stringify(pattern)} ${why}`);
  if (pattern === '') throw refuse('is empty; name files below the working directory, such as "out/*.json"');
  if (pattern.startsWith('/')) throw refuse('is absolute; artifacts are below the working directory');
  if (pattern.startsWith('!')) throw refuse('is a negation; name what is wanted instead');
  if (pattern.split('/').includes('..')) throw refuse('leads upwards; artifacts are below the working directory');
}

/** Compares folder by folder, up to where the pattern may go on for any number of them. */
function folderMatcher(pattern: string): (folders: readonly string[]) => boolean {
  // Slashes inside braces and parentheses are not where folders end.
  if (/[{(]/.test(pattern)) return () => true;
  const parts = pattern
    .replace(/^(\.\/+)+/, '')
    .split('/')
    .slice(0, -1);
  const globstar = parts.findIndex((part) => part.includes('**'));
  const open = globstar >= 0 || pattern.split('/').at(-1)?.includes('**') === true;
  const matchers = (globstar < 0 ? parts : parts.slice(0, globstar)).map((part) => picomatch(part));
  return (folders) =>
    (open || folders.length <= matchers.length) && folders.every((name, depth) => matchers[depth]?.(name) ?? true);
}
