import { expect, test } from 'vitest';
import { compareReleases } from './versions.ts';

test('releases are in the order of semantic versioning, whatever order they are given in', () => {
  const ordered = [
    '0.1.9',
    '0.2.0-1',
    '0.2.0-dev',
    '0.2.0-rc',
    '0.2.0-rc.2',
    '0.2.0-rc.10',
    '0.2.0',
    '0.2.1-rc.1',
    '0.10.0',
    '1.0.0',
  ];
  expect(ordered.toReversed().sort(compareReleases)).toEqual(ordered);
  expect(compareReleases('0.2.0-rc.1+a', '0.2.0-rc.1+b')).toBe(0);
});
