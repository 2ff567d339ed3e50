import { expect, test } from 'vitest';
import { parseQemuVersion } from './qemu-version.ts';

test('a new enough QEMU is told with its package', () => {
  const debian = 'QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2~bpo12+1)\nCopyright (c) 2003';
  expect(parseQemuVersion(debian)).toBe('10.0.2 (Debian 1:10.0.2+ds-2~bpo12+1)');
  expect(parseQemuVersion('QEMU emulator version 8.2.0\n')).toBe('8.2.0');
});

test('an old QEMU is refused with what to install', () => {
  expect(() => parseQemuVersion('QEMU emulator version 7.2.15 (Debian 1:7.2)')).toThrow(
    'QEMU 8.2 or newer is needed, this is 7.2.15 (Debian 1:7.2); on Debian 12: apt-get install -t bookworm-backports',
  );
  expect(() => parseQemuVersion('something else')).toThrow('this is unknown');
});
