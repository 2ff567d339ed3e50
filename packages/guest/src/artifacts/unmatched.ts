/** Patterns that no file matches, and what is there in its place: asked entry by entry, while the tree is walked. */
import type { UnmatchedPattern } from '@vm-task/shared/task-ending';
import { type Glob, parseGlob } from './glob.ts';
import type { PatternSet } from './patterns.ts';

interface Open {
  readonly pattern: string;
  readonly glob: Glob;
  /** Matches the folder that the pattern names; null where it names what is in one. */
  readonly folder: Glob | null;
  found: UnmatchedPattern['found'];
}

export class Unmatched {
  readonly #open: Set<Open>;

  constructor({ globs }: PatternSet) {
    this.#open = new Set(globs.map(({ pattern, glob }) => openOf(pattern, glob)));
  }

  see(path: string, isFolder: boolean): void {
    const isHidden = path.startsWith('.') || path.includes('/.');
    for (const one of this.#open) {
      if (isFolder) {
        if (one.folder?.matches(path)) one.found = 'folder';
      } else if (one.glob.matches(path)) this.#open.delete(one);
      else if (isHidden && one.found === 'nothing' && one.glob.matchesHidden(path)) one.found = 'hidden';
    }
  }

  /** In the order of the patterns. */
  get patterns(): UnmatchedPattern[] {
    return [...this.#open].map(({ pattern, found }) => ({ pattern, found }));
  }
}

function openOf(pattern: string, glob: Glob): Open {
  const named = pattern.replace(/\/+$/, '');
  // Folders match `**`, too, and it takes what is in them.
  const folder = /(^|\/)\*\*+$/.test(named) ? null : parseGlob(named);
  return { pattern, glob, folder, found: named === '.' ? 'folder' : 'nothing' };
}
