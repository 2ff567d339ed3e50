/** Which files a task wants collected, as patterns relative to its working directory. */
import { VmTaskError } from '@vm-task/shared/errors';
import { type Glob, parseGlob } from './glob.ts';

export interface PatternSet {
  readonly globs: readonly { readonly pattern: string; readonly glob: Glob }[];
  matches(path: string): boolean;
  /** False when nothing below the folder can match, so that nobody has to look. */
  mayMatchBelow(folder: string): boolean;
}

/** @throws `artifact-refused` for a pattern that is empty, absolute, negated, leads upwards, or is not understood. */
export function parsePatterns(patterns: readonly string[]): PatternSet {
  const globs = patterns.map((pattern) => ({ pattern, glob: parse(pattern) }));
  return {
    globs,
    matches: (path) => globs.some(({ glob }) => glob.matches(path)),
    mayMatchBelow: (folder) => globs.some(({ glob }) => glob.mayMatchBelow(folder)),
  };
}

function parse(pattern: string): Glob {
  const refuse = (why: string) =>
    new VmTaskError('artifact-refused', `the artifact pattern ${JSON.stringify(pattern)} ${why}`);
  if (pattern === '') throw refuse('is empty; name files below the working directory, such as "out/*.json"');
  if (pattern.startsWith('/')) throw refuse('is absolute; artifacts are below the working directory');
  if (pattern.startsWith('!')) throw refuse('is a negation; name what is wanted instead');
  if (pattern.split('/').includes('..')) throw refuse('leads upwards; artifacts are below the working directory');
  try {
    return parseGlob(pattern);
  } catch (error) {
    throw refuse((error as Error).message);
  }
}
