import { expect, test } from 'vitest';
import { recipeFingerprint } from './fingerprint.ts';
import type { Recipe } from './recipe.ts';

const recipe: Recipe = {
  name: 'base',
  version: '1',
  suite: 'bookworm',
  packages: ['a', 'b'],
  runtimes: { shell: ['/bin/sh'], python: ['/usr/bin/python3'] },
  files: { '/etc/a': 'one', '/etc/b': 'two' },
  run: ['true'],
  cmdline: 'quiet',
  diskMiB: 1024,
  minMemoryMiB: 256,
};

const changes: [string, Partial<Recipe>][] = [
  ['version', { version: '1.0' }],
  ['packages', { packages: ['a', 'b', 'c'] }],
  ['order of packages', { packages: ['b', 'a'] }],
  ['content of a file', { files: { '/etc/a': 'one', '/etc/b': 'two\n' } }],
  ['path of a file', { files: { '/etc/a': 'one', '/etc/c': 'two' } }],
  ['scripts', { run: ['true', 'true'] }],
  ['runtimes', { runtimes: { shell: ['/bin/sh'] } }],
  ['kernel command line', { cmdline: '' }],
  ['disk', { diskMiB: 2048 }],
  ['minimum memory', { minMemoryMiB: 512 }],
];

test.each(changes)('another %s is another fingerprint', async (_, change) => {
  const before = await recipeFingerprint(recipe, 'x86_64');
  expect(before).toMatch(/^[0-9a-f]{64}$/);
  expect(await recipeFingerprint({ ...recipe, ...change }, 'x86_64')).not.toBe(before);
});

test('another architecture is another fingerprint', async () => {
  expect(await recipeFingerprint(recipe, 'aarch64')).not.toBe(await recipeFingerprint(recipe, 'x86_64'));
});

test('the order in which files and runtimes are listed is none of it', async () => {
  const reordered: Recipe = {
    ...recipe,
    files: { '/etc/b': 'two', '/etc/a': 'one' },
    runtimes: { python: ['/usr/bin/python3'], shell: ['/bin/sh'] },
  };
  expect(await recipeFingerprint(reordered, 'x86_64')).toBe(await recipeFingerprint(recipe, 'x86_64'));
});
