import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packagesPage } from './packages-page.ts';
import { readPackages, repositoryRoot } from './workspace.ts';

test.each([
  'services/intake',
  'services/provisioner',
  'services/runner',
  'services/reaper',
  'packages/shared',
  'pnpm-workspace.yaml',
  'tsconfig.base.json',
])('%s is there', (path) => {
  expect(existsSync(join(repositoryRoot, path))).toBe(true);
});

test('every package says in a sentence what it is for', () => {
  const silent = readPackages().filter(({ description }) => !/^[A-Z].{10,150}\.$/.test(description));
  expect(silent.map(({ folder }) => folder)).toEqual([]);
});

test('what a package exports is there', () => {
  const missing = readPackages().flatMap(({ folder, exports }) =>
    Object.values(exports)
      .map((file) => join(folder, file))
      .filter((file) => !existsSync(join(repositoryRoot, file))),
  );
  expect(missing).toEqual([]);
});

test('docs/packages.md says of every package what it exports and uses', () => {
  const written = readFileSync(join(repositoryRoot, 'docs/packages.md'), 'utf8');
  expect(written, 'write it anew: pnpm run packages').toBe(packagesPage(readPackages()));
});

test('the version stands in one place', () => {
  const versionIn = (folder: string) =>
    (JSON.parse(readFileSync(join(repositoryRoot, folder, 'package.json'), 'utf8')) as { version?: string }).version;
  expect(versionIn('.')).toMatch(/^\d+\.\d+\.\d+(-[a-z0-9.]+)?$/);
  expect(readPackages().filter(({ folder }) => versionIn(folder) !== undefined)).toEqual([]);
});
