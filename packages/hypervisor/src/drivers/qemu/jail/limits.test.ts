import { expect, test } from 'vitest';
import { limitsOf, limitWords } from './limits.ts';

test('a QEMU may write its disk and its tables, use its memory and its own, and leave no core dump', () => {
  const limits = limitsOf({ cpus: 2, memoryMiB: 512, diskMiB: 4_096 });
  expect(limits).toEqual({ fileMiB: 4_393, addressMiB: 8_704, openFiles: 4_096, tasks: 130 });
  // As the shell counts: files in units of 512 bytes, address space in KiB.
  const words = ['-c', '0', '-f', String(4_393 * 2_048), '-v', String(8_704 * 1_024), '-n', '4096', '-p', '130'];
  expect(limitWords(limits)).toEqual(words);
});
