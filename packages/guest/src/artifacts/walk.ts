/** The files below a folder that patterns name; links are never followed into folders. */
import { setImmediate as turn } from 'node:timers/promises';
import type { FileEntryWithStats, Stats } from 'ssh2';
import type { PatternSet } from './patterns.ts';
import { refusesPath, type Sftp } from './sftp.ts';
import type { Unmatched } from './unmatched.ts';

/** What is looked at, at most, before the walk ends; and how deep: a tree may be without end. */
const maxEntries = 100_000;
const maxDepth = 64;
/** Of one name and of a path, as Linux has them. */
const maxNameChars = 255;
const maxPathChars = 4_096;
/** One answer may have thousands of entries: after so many the loop is left to others. */
const entriesInRow = 200;

interface Entry {
  readonly path: string;
  readonly stats: Stats;
}

export type Found =
  | ({ readonly kind: 'entry' } & Entry)
  /** A folder that the machine does not show; the walk goes on. */
  | { readonly kind: 'closed'; readonly path: string; readonly reason: string }
  /** The walk ended here, not at the end of the tree. */
  | { readonly kind: 'gave-up'; readonly path: string; readonly reason: string };

/** Where things are looked for, and by what. */
export interface Search {
  readonly root: string;
  readonly patterns: PatternSet;
  /** Is shown every entry. */
  readonly unmatched: Unmatched;
}

/** Everything but folders that a pattern matches, path by path relative to `root`. */
export async function* walk(sftp: Sftp, { root, patterns, unmatched }: Search): AsyncGenerator<Found, void> {
  let left = maxEntries;
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const row of rowsOf(sftp, `${root}/${folder}`)) {
      if ('closed' in row) {
        yield { kind: 'closed', path: folder, reason: row.closed };
        break;
      }
      left -= row.length;
      if (left < 0) return yield gaveUp(folder, `more than ${maxEntries} files and folders were looked at`);
      const decided = decide(folder, row, patterns, unmatched);
      for (const entry of decided.found) yield { kind: 'entry', ...entry };
      folders.push(...decided.below);
    }
  }
}

/** What cannot be listed any more has been, up to there. */
async function* rowsOf(
  sftp: Sftp,
  folder: string,
): AsyncGenerator<readonly FileEntryWithStats[] | { readonly closed: string }, void> {
  try {
    for await (const batch of sftp.list(folder)) {
      for (let at = 0; at < batch.length; at += entriesInRow) {
        yield batch.slice(at, at + entriesInRow);
        await turn();
      }
    }
  } catch (error) {
    if (!refusesPath(error)) throw error;
    yield { closed: error.message };
  }
}

interface Decided {
  readonly found: readonly Entry[];
  /** Folders that something may match in. */
  readonly below: readonly string[];
}

function decide(
  folder: string,
  row: readonly FileEntryWithStats[],
  patterns: PatternSet,
  unmatched: Unmatched,
): Decided {
  const entries = entriesOf(folder, row);
  for (const { path, stats } of entries) unmatched.see(path, stats.isDirectory());
  return {
    found: entries.filter(({ path, stats }) => !stats.isDirectory() && patterns.matches(path)),
    below: entries.filter((entry) => mayDescend(entry, patterns)).map(({ path }) => path),
  };
}

function mayDescend({ path, stats }: Entry, patterns: PatternSet): boolean {
  return stats.isDirectory() && depthOf(path) < maxDepth && patterns.mayMatchBelow(path);
}

/** Names and paths that cannot be those of entries are what only a forged server sends. */
function entriesOf(folder: string, row: readonly FileEntryWithStats[]): Entry[] {
  const inside = folder === '' ? '' : `${folder}/`;
  return row
    .filter(({ filename }) => isName(filename) && inside.length + filename.length <= maxPathChars)
    .map(({ filename, attrs }) => ({ path: `${inside}${filename}`, stats: attrs }));
}

function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && name.length <= maxNameChars && !/[/\0]/.test(name);
}

function depthOf(path: string): number {
  return path.split('/').length;
}

function gaveUp(path: string, reason: string): Found {
  return { kind: 'gave-up', path, reason };
}
