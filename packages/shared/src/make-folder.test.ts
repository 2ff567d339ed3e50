import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from './make-folder.ts';

test('a folder is made with all that it is in, and may be there already', () => {
  const root = mkdtempSync(join(tmpdir(), 'vm-task-test-make-folder-'));
  try {
    const path = join(root, 'a', 'b');
    makeFolder(path, 0o700);
    makeFolder(path, 0o700);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    writeFileSync(join(root, 'file'), '');
    expect(() => makeFolder(join(root, 'file', 'c'), 0o700)).toThrow(/ENOTDIR/);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('where no folder can be made, that is said', () => {
  expect(() => makeFolder('/proc/none/such', 0o700)).toThrow(/ENOENT/);
});
