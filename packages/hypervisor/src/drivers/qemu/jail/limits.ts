/** What a QEMU may use of its host, as setrlimit(2) bounds it: what a guest that broke out cannot exceed. */
import type { Size } from '@vm-task/shared/sizes';

export interface Limits {
  /** No file grows beyond it. */
  readonly fileMiB: number;
  /** Address space, most of which is never touched. */
  readonly addressMiB: number;
  readonly openFiles: number;
  /** Threads and processes of the jail. */
  readonly tasks: number;
}

/** An overlay's own tables take less than a hundredth of what is in it; a saved state is a megabyte. */
const besidesDiskMiB = 256;
/** TCG's buffer for translated code (1 GiB), a heap of 64 MiB and a stack of 8 MiB for each of 70 threads. */
const besidesMemoryMiB = 8_192;
/** QEMU's pool has 64 threads at most, besides one for each processor and a few of its own. */
const besidesProcessors = 128;

export function limitsOf({ cpus, memoryMiB, diskMiB }: Size): Limits {
  return {
    fileMiB: Math.ceil(diskMiB * 1.01) + besidesDiskMiB,
    addressMiB: memoryMiB + besidesMemoryMiB,
    // Each connection of a guest is one.
    openFiles: 4_096,
    tasks: cpus + besidesProcessors,
  };
}

/** Options of the shell's `ulimit` with their values. One that is lower already stays as it is. */
export function limitWords({ fileMiB, addressMiB, openFiles, tasks }: Limits): string[] {
  const kiB = 1_024;
  // Files are counted in units of 512 bytes. Nothing of a guest's memory is written to the host's disk.
  const pairs = { '-c': 0, '-f': fileMiB * kiB * 2, '-v': addressMiB * kiB, '-n': openFiles, '-p': tasks };
  return Object.entries(pairs).flatMap(([option, value]) => [option, String(value)]);
}
