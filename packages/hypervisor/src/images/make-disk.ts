import { open } from 'node:fs/promises';
import { runTool } from '../run-tool.ts';
import { runAsTreeOwner } from './scratch.ts';

export interface DiskJob {
  /** The root of the system that becomes the disk's content. */
  readonly tree: string;
  /** A file for the raw disk on the way; removed by whoever made its folder. */
  readonly raw: string;
  /** The qcow2 file to be made. */
  readonly disk: string;
  readonly sizeMiB: number;
  readonly keepOpen: readonly number[];
}

/**
 * A folder to an ext4 file system on a qcow2 disk, without partitions and without mounting anything. It has no
 * journal: a VM that crashes is thrown away, never repaired.
 */
export async function makeDisk(job: DiskJob, signal: AbortSignal): Promise<void> {
  await makeSparseFile(job.raw, job.sizeMiB);
  const ext4 = ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-L', 'root', '-d', job.tree, job.raw];
  await runAsTreeOwner('/usr/sbin/mke2fs', ext4, { signal, files: job.keepOpen });
  await runTool('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', job.raw, job.disk], { signal });
}

/** Writable for all, because the tree's owner may be another user in a namespace; its folder is not. */
async function makeSparseFile(path: string, sizeMiB: number): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.chmod(0o666);
    await file.truncate(sizeMiB * 1024 * 1024);
  } finally {
    await file.close();
  }
}
