/** The maps at the entry: the table `file | role` in the first comment of a file, or in a README, of what files are for. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface FileMap {
  /** The file that has the map, relative to the repository. */
  readonly file: string;
  /** What it names, a cell each, as paths relative to the repository; `*` stands for any part of a name. */
  readonly cells: readonly (readonly string[])[];
}

export function mapOf(file: string, text: string): FileMap | null {
  const comment = /^\/\*\*(?:[^*]|\*(?!\/))*/.exec(text)?.[0] ?? '';
  const map = file.endsWith('.md') ? text : comment.replace(/^ \* /gm, '');
  if (!/^\| (file|place) \| role \|$/m.test(map)) return null;
  const cells = [...map.matchAll(/^\| (`[^|]*`) \|/gm)].map(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => join(dirname(file), name)),
  );
  return { file, cells };
}

/** Every map among the sources of packages and services. */
export function readMaps(root: string): FileMap[] {
  const files = globSync('{packages,services}/*/{README.md,src/**/*.ts}', { cwd: root }).sort();
  return files.flatMap((file) => mapOf(file, readFileSync(join(root, file), 'utf8')) ?? []);
}

/** Names of the map that no file has. Behind a name with a folder, others of the same cell may be in that folder. */
export function missingOf({ file, cells }: FileMap, root: string): string[] {
  return cells.flatMap((names) => {
    const folders = new Set(names.map((name) => dirname(name)));
    const places = (name: string) => [
      name,
      ...[...folders].map((folder) => join(folder, name.slice(dirname(file).length))),
    ];
    return names.filter((name) => !places(name).some((place) => globSync(place, { cwd: root }).length > 0));
  });
}
