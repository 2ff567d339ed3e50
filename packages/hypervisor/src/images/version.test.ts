import { compareVersions } from '@vm-task/shared/versions';
import { expect, test } from 'vitest';
import { newestVersion, versionPattern } from './version.ts';

test('versions are ordered as numbers: 3.10 is after 3.9', () => {
  const sorted = ['3.10', '3.9', '10', '3.9.1', '2', '3'].sort(compareVersions);
  expect(sorted).toEqual(['2', '3', '3.9', '3.9.1', '3.10', '10']);
});

test('the newest is the same whatever the order they are listed in', () => {
  expect(newestVersion(['3.9', '3.10', '3.2'])).toBe('3.10');
  expect(newestVersion(['3.10', '3.2', '3.9'])).toBe('3.10');
  expect(newestVersion([])).toBeNull();
});

test('no two spellings are the same version', () => {
  for (const spelled of ['1', '3.10', '0.0.1', '1.2.3.4', '2026.11.20']) expect(spelled).toMatch(versionPattern);
  for (const wrong of ['', '01', '1.', '.1', '1..2', 'v1', '1.2.3.4.5', '1.-2', '1 ', '1e3', '1234567890']) {
    expect(wrong).not.toMatch(versionPattern);
  }
  expect(compareVersions('3', '3.0')).toBeLessThan(0);
});
