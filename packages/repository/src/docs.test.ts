import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryRoot } from './workspace.ts';

const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: repositoryRoot });
const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');

test('every link from a page to a file leads to one', () => {
  expect(pages.length).toBeGreaterThan(20);
  const links = pages.flatMap((page) =>
    Array.from(read(page).matchAll(/\]\((?!\w+:)([^)#\s]+)/g), ([, target = '']) => ({ page, target })),
  );
  expect(links.filter(({ page, target }) => !existsSync(join(repositoryRoot, dirname(page), target)))).toEqual([]);
});

test('README.md leads to every page of docs/, itself or by a page that it leads to', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) {
    const links = read(page).matchAll(/\]\((?!\w+:)([^)#\s]+\.md)/g);
    for (const [, target = ''] of links) reached.add(join(dirname(page), target));
  }
  const documents = pages.filter((page) => /^docs\/[^/]+\.md$/.test(page));
  expect(documents.filter((page) => !reached.has(page))).toEqual([]);
});

test('README.md begins with examples/hello.yaml as it is, and names the two commands that everything starts with', () => {
  const readme = read('README.md');
  const task = read('examples/hello.yaml').replace(/^#.*\n/gm, '');
  expect(readme).toContain(`\`\`\`yaml\n${task}\`\`\`\n`);
  for (const command of ['./vm-task run examples/hello.yaml', 'npm test']) expect(readme).toContain(command);
});
