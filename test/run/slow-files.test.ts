import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { slowFiles } from '../slow-files.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const files = globSync('{packages,services,bench,setup,test}/**/*.int.test.ts', {
  cwd: root,
  exclude: (name) => name.endsWith('node_modules'),
});

test.each(slowFiles)('%s is the end of one path', (path) => {
  expect(files.filter((file) => file.endsWith(`/${path}`))).toHaveLength(1);
});
