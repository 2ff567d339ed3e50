/** The files below a folder that patterns name; links are never followed into folders. */
import type { Stats } from 'ssh2';
import type { PatternSet } from './patterns.ts';
import type { Sftp } from './sftp.ts';

/** What is looked at, at most, before the walk ends; and how deep: a tree may be without end. */
const maxEntries = 100_000;
const maxDepth = 64;

interface Entry {
  readonly path: string;
  readonly stats: Stats;
}

export type Found =
  | ({ readonly kind: 'entry' } & Entry)
  /** The walk ended here, not at the end of the tree. */
  | { readonly kind: 'gave-up'; readonly path: string; readonly reason: string };

/** Everything but folders that a pattern matches, path by path relative to `root`. */
export async function* walk(sftp: Sftp, root: string, patterns: PatternSet): AsyncGenerator<Found, void> {
  let left = maxEntries;
  for await (const entry of everything(sftp, root, patterns)) {
    if (left-- === 0) {
      yield { kind: 'gave-up', path: entry.path, reason: `more than ${maxEntries} files and folders were looked at` };
      return;
    }
    if (!entry.stats.isDirectory() && patterns.matches(entry.path)) yield { kind: 'entry', ...entry };
  }
}

async function* everything(sftp: Sftp, root: string, patterns: PatternSet): AsyncGenerator<Entry, void> {
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of entriesOf(sftp, root, folder)) {
      yield entry;
      const { path, stats } = entry;
      if (stats.isDirectory() && depthOf(path) < maxDepth && patterns.mayMatchBelow(path)) folders.push(path);
    }
  }
}

/** Names that cannot be those of entries are what only a forged server sends. */
async function* entriesOf(sftp: Sftp, root: string, folder: string): AsyncGenerator<Entry, void> {
  const inside = folder === '' ? '' : `${folder}/`;
  for await (const { filename, attrs } of sftp.list(`${root}/${folder}`)) {
    if (filename === '.' || filename === '..' || filename.includes('/')) continue;
    yield { path: `${inside}${filename}`, stats: attrs };
  }
}

function depthOf(path: string): number {
  return path.split('/').length;
}
