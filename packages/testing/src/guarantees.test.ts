import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const repository = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/guarantees.md', repository), 'utf8');

/** A cell that names a test: its file, and its title as the file has it, or the title's beginning. */
const named = [...page.matchAll(/\| `([^`]+\.test\.ts)` "([^"]+)" \|$/gm)].map(([, file = '', title = '']) => ({
  file,
  title,
}));

test('every promise has its row', () => {
  const rows = [...page.matchAll(/^\| (I\d+) \| `[^`]+` \| `/gm)].map(([, name]) => name);
  expect(rows).toEqual(Array.from({ length: 13 }, (_, index) => `I${index + 1}`));
});

test.each(named)('$file has the test "$title"', ({ file, title }) => {
  expect(readFileSync(new URL(file, repository), 'utf8')).toContain(title);
});
