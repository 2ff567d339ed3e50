import { expect, test } from 'vitest';
import { selectSources } from './debian-sources.ts';

const targets = [
  'Debian|amd64|http://mirror.example/debian/|bookworm|main',
  'Debian|i386|http://mirror.example/debian/|bookworm|main',
  'Debian|amd64|http://mirror.example/debian/|bookworm|contrib',
  'Debian|amd64|http://mirror.example/debian/|bookworm-updates|main',
  'Debian|amd64|http://mirror.example/security/|bookworm-security|main',
  'Debian Backports|amd64|http://mirror.example/debian/|bookworm-backports|main',
  'Debian|amd64|http://mirror.example/debian/|trixie|main',
  'Someone|amd64|https://packages.example/|bookworm|main',
  '',
];

test("of the machine's sources, Debian's own of the suite are taken, with updates and security fixes", () => {
  expect(selectSources(targets.join('\n'), 'bookworm', 'amd64')).toEqual([
    'deb http://mirror.example/debian/ bookworm main',
    'deb http://mirror.example/debian/ bookworm-updates main',
    'deb http://mirror.example/security/ bookworm-security main',
  ]);
});

test('a machine without the suite itself has none', () => {
  expect(selectSources(targets.slice(3).join('\n'), 'bookworm', 'amd64')).toEqual([]);
  expect(selectSources('', 'bookworm', 'amd64')).toEqual([]);
});
