import { expect, test } from 'vitest';
import { mapOf, missingOf, readMaps } from './file-maps.ts';
import { readPackages, repositoryRoot } from './workspace.ts';

const maps = readMaps(repositoryRoot);

test.each(maps)('what the map in $file names is there', (map) => {
  expect(map.cells.length).toBeGreaterThan(1);
  expect(missingOf(map, repositoryRoot)).toEqual([]);
});

test('every package and service has a map', () => {
  const folders = readPackages().flatMap(({ folder }) => (/^(services|packages)\//.test(folder) ? [folder] : []));
  expect(folders.filter((folder) => !maps.some(({ file }) => file.startsWith(`${folder}/`)))).toEqual([]);
});

test('a file that is not there is found, by its name, by a pattern, and in a folder that was named before it', () => {
  const here = 'packages/repository/src/workspace.ts';
  const rows = ['`file-maps.ts`, `gone.ts`', '`*-page.ts`, `on-*.ts`', '`../src/find-cycle.ts`, `layout.test.ts`'];
  const comment = ['/**', ' * | file | role |', ' * |---|---|', ...rows.map((cell) => ` * | ${cell} | it |`), ' */'];
  const map = mapOf(here, comment.join('\n'));
  if (map === null) throw new Error('it has a map');
  expect(missingOf(map, repositoryRoot)).toEqual([
    'packages/repository/src/gone.ts',
    'packages/repository/src/on-*.ts',
  ]);
  expect(mapOf(here, '/** No map. */')).toBeNull();
});
