import { expect, test } from 'vitest';
import { lendStore } from '../../test/lend-store.ts';
import { readRecipe, recipeNames } from './recipe.ts';

const base = `
name: base
version: "1.2"
suite: bookworm
packages: [openssh-server, 'linux-image-cloud-{arch}']
runtimes: {shell: [/bin/sh]}
cmdline: root=/dev/vda
files: {/etc/a: one, /etc/b: two}
run: echo base
`;

test('a recipe that extends another one has everything of it and its own', async () => {
  await using lent = await lendStore();
  await lent.writeRecipe('base', base);
  const child = 'name: child\nversion: "3"\nextend: base\npackages: [git, openssh-server]\nfiles: {/etc/b: three}\n';
  await lent.writeRecipe('child', `${child}runtimes: {python: [/usr/bin/python3]}\nrun: echo child\ndiskMiB: 2048\n`);
  expect(await readRecipe(lent.store.recipesFolder, 'child')).toEqual({
    name: 'child',
    version: '3',
    suite: 'bookworm',
    packages: ['openssh-server', 'linux-image-cloud-{arch}', 'git'],
    runtimes: { shell: ['/bin/sh'], python: ['/usr/bin/python3'] },
    files: { '/etc/a': 'one', '/etc/b': 'three' },
    run: ['echo base', 'echo child'],
    cmdline: 'root=/dev/vda',
    diskMiB: 2048,
    minMemoryMiB: 256,
  });
  expect(await recipeNames(lent.store.recipesFolder)).toEqual(['base', 'child']);
});

test('a name without a recipe is null', async () => {
  await using lent = await lendStore();
  expect(await readRecipe(lent.store.recipesFolder, 'nothing')).toBeNull();
});

test.each([
  [
    'an unknown key, with the nearest known one',
    `${base}pakages: [git]\n`,
    'pakages: unknown key; did you mean "packages"?',
  ],
  ['a version that YAML read as a number', base.replace('"1.2"', '3.10'), 'version: '],
  ['another name than its folder', base.replace('name: base', 'name: bass'), 'name: is "bass" in folder "base"'],
  ['an unknown suite', base.replace('bookworm', 'potato'), 'suite: '],
  ['no suite', base.replace('suite: bookworm', ''), 'suite: missing; write suite: bookworm'],
  ['an option in place of a package', base.replace('[openssh-server', '[--force'), 'packages.0: '],
  ['a file outside of the root', base.replace('/etc/a: one', '/../a: one'), 'files./../a: '],
  ['a base that is not there', `${base}extend: bse\n`, 'extend: there is no recipe "bse"'],
  ['a recipe that extends itself', `${base}extend: base\n`, 'extend: "base" extends itself'],
  ['what is not YAML', 'name: [', 'is not YAML'],
  ['bytes that are no UTF-8', Buffer.from('name: ü', 'latin1'), 'cannot be taken: it has to be UTF-8'],
  ['an empty file', '', 'the whole: '],
])('a recipe with %s is refused with its path and what is wrong', async (_, yaml, problem) => {
  await using lent = await lendStore();
  await lent.writeRecipe('base', yaml);
  const refusal = readRecipe(lent.store.recipesFolder, 'base');
  await expect(refusal).rejects.toMatchObject({ code: 'invalid-recipe' });
  await expect(refusal).rejects.toThrow(`${lent.store.recipesFolder}/base/recipe.yaml`);
  await expect(refusal).rejects.toThrow(problem);
});
