import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let settings: string;
beforeEach(() => {
  settings = mkdtempSync(join(tmpdir(), 'vm-task-apt-'));
  mkdirSync(join(settings, 'sources.list.d'));
});
afterEach(() => rmSync(settings, { recursive: true }));

/** What `entry_for` prints for the suite on a machine with these settings; null where it fails. */
function entryFor(suite: string): string | null {
  const script = `. ${join(import.meta.dirname, 'debian-source.sh')}; apt_settings=${settings}; entry_for ${suite}`;
  try {
    return execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}

test('an entry of one line gives its mirror and its key, whatever other options it has', () => {
  const lines = [
    '# deb http://comment.test/debian bookworm main',
    'deb-src http://source.test/debian bookworm main',
    'deb http://security.test/debian bookworm-security main',
    'deb [arch=amd64 signed-by=/keys/debian.gpg] http://mirror.test/debian bookworm main contrib',
  ];
  writeFileSync(join(settings, 'sources.list'), lines.join('\n'));
  expect(entryFor('bookworm')).toBe('http://mirror.test/debian /keys/debian.gpg');
});

test('an entry without a key of its own gives none', () => {
  writeFileSync(join(settings, 'sources.list.d', 'debian.list'), 'deb http://mirror.test/debian bookworm main\n');
  expect(entryFor('bookworm')).toBe('http://mirror.test/debian -');
});

test('of deb822 entries the one that is enabled, binary and of that suite is taken', () => {
  const entry = (uri: string, more: string) => `# said\nTypes: deb\nURIs: ${uri}\nComponents: main\n${more}\n`;
  const entries = [
    entry('http://off.test', 'Suites: bookworm\nEnabled: no'),
    entry('http://updates.test', 'Suites: bookworm-updates'),
    entry('http://mirror.test/debian http://second.test', 'Suites: bookworm-x bookworm\nSigned-By: /keys/debian.gpg'),
  ];
  writeFileSync(join(settings, 'sources.list.d', 'debian.sources'), entries.join('\n'));
  expect(entryFor('bookworm')).toBe('http://mirror.test/debian /keys/debian.gpg');
});

test('a machine without such an entry gives nothing', () => {
  expect(entryFor('bookworm')).toBe(null);
});
