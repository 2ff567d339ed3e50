import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lastReleased } from './released-commit.ts';

const commit = '6c6f94d5a1b2c3d4e5f60718293a4b5c6d7e8f90';

test('the newest release is the first section that names its commit', () => {
  const older = `## 0.1.0 (2026-01-01)\n\nCommit: ${'a'.repeat(40)}\n`;
  const text = `# Changelog\n\n## Unreleased\n\n- more\n\n## 0.2.0-rc.1 (2026-02-01)\n\nCommit: ${commit}\n\n- first\n\n${older}`;
  expect(lastReleased(text)).toEqual({ version: '0.2.0-rc.1', commit });
});

test('where there is none, or none that can be looked up, that is said', () => {
  expect(() => lastReleased('# Changelog\n\n## Unreleased\n')).toThrow('no section with a line "Commit:');
  expect(() => lastReleased('## 0.2.0\n\nCommit: v0.2.0\n')).toThrow('names the commit "v0.2.0" of 0.2.0');
});

test('CHANGELOG.md names one', () => {
  const text = readFileSync(new URL('../../CHANGELOG.md', import.meta.url), 'utf8');
  expect(lastReleased(text).version).toMatch(/^\d+\.\d+\.\d+/);
});
