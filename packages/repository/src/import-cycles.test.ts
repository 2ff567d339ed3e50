import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { findCycle } from './find-cycle.ts';
import { findImportCycles } from './import-cycles.ts';
import { readPackages, repositoryRoot } from './workspace.ts';

/** oxlint is a process of its own, and other work may have the machine. */
const limits = { timeout: 60_000 };

test('no source file imports itself, over however many others, not even for a type', limits, async () => {
  const { cycles, files } = await findImportCycles(repositoryRoot);
  expect(cycles).toEqual([]);
  expect(files).toBeGreaterThan(500);
});

test.each([2, 3, 40])(
  'a cycle of %i files is found, though all of its imports are of types',
  limits,
  async (length) => {
    await using folder = await makeTempFolder('cycle');
    for (let n = 0; n < length; n++) {
      const next = `./${(n + 1) % length}.ts`;
      const link =
        n === 0 ? `export type { T } from '${next}';` : `import type { T } from '${next}';\nexport type { T };`;
      await writeFile(join(folder.path, `${n}.ts`), link);
    }
    expect((await findImportCycles(folder.path)).cycles).toHaveLength(length);
  },
);

test('no package depends on itself, over however many others', () => {
  const graph = new Map(readPackages().map(({ name, dependencies }) => [name, dependencies]));
  expect(graph.get('@vm-task/bus')).toContain('@vm-task/shared');
  expect(findCycle(graph)).toBeNull();
});

test('a cycle in a graph is told as the way around it', () => {
  const graph = { a: ['b', 'd'], b: ['c'], c: [], d: ['e', 'c'], e: ['f'], f: ['d'] };
  expect(findCycle(new Map(Object.entries(graph)))).toEqual(['d', 'e', 'f', 'd']);
  expect(findCycle(new Map(Object.entries({ ...graph, f: ['c'] })))).toBeNull();
  expect(findCycle(new Map([['a', ['a']]]))).toEqual(['a', 'a']);
});
