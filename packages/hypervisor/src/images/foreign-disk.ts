/**
 * qemu-img on a disk that nobody vouches for: its parsers read what an attacker may have written. So it has no privilege, no
 * network, one folder, and limits. What it wrote is trusted as little as what it has read.
 */
import { constants } from 'node:fs';
import { chown, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Owner } from '../host/own-folder.ts';
import { processesOf, readerSlots, reserveUid, uidsFolder } from '../host/uids.ts';
import { type ToolOutcome, tryTool } from '../run-tool.ts';

/**
 * Whom qemu-img runs as: a user that nobody else on this machine has before `releaseUids(folder)`. Null when we are not root:
 * then it runs as we do.
 */
export async function reserveReader(uidBase: number, folder: string): Promise<Owner | null> {
  if (process.geteuid?.() !== 0) return null;
  const range = { folder: uidsFolder, base: uidBase + readerSlots.first, count: readerSlots.count };
  const id = await reserveUid(range, 0, folder);
  return { uid: id, gid: id };
}

export interface ForeignDisk {
  /** Its working directory, which has the disk, and into which it writes. Nothing else is in there. */
  readonly folder: string;
  readonly reader: Owner | null;
  /** Whether the reader gets namespaces of its own (`hasNamespaces`). */
  readonly isolated: boolean;
}

/** Whether we may make the namespaces that qemu-img gets. Root of a container often may not. */
export async function hasNamespaces(reader: Owner | null, signal: AbortSignal): Promise<boolean> {
  if (reader === null) return false;
  const [, ...args] = [...namespaces, 'true'];
  return (await tryTool('unshare', args, { signal })).exitCode === 0;
}

const namespaces = ['unshare', '--net', '--ipc', '--pid', '--fork', '--kill-child', '--'] as const;

/**
 * Sixteen coroutines with buffers of 2 MiB and 64 threads with their stacks and heaps take less than half of it; a header that makes
 * it allocate more is made to do so.
 */
const maxAddressSpaceBytes = 8 * 1024 ** 3;
/** Converting 256 GiB at 85 MB/s is 50 minutes, and most of it is waiting. */
const maxProcessorS = 3_600;
const maxFiles = 64;
const maxThreads = 256;

/**
 * Runs qemu-img in the disk's folder to its end; nothing that it started is left then. As root it is another user's program without
 * capabilities, in network, process and IPC namespaces of its own where there can be any. Otherwise it has the limits alone.
 * @param args file names are relative to the folder, and each format is stated.
 * @throws `tool-missing`.
 */
export async function tryQemuImg(
  args: readonly string[],
  foreign: ForeignDisk,
  signal: AbortSignal,
): Promise<ToolOutcome> {
  const outcome = await tryInJail(['qemu-img', ...args], foreign, signal);
  if (outcome.exitCode !== notFound) return outcome;
  throw new VmTaskError('tool-missing', `${outcome.complaint}: apt-get install util-linux qemu-utils`);
}

/** As `tryQemuImg`, for any program. */
export async function tryInJail(
  argv: readonly string[],
  { folder, reader, isolated }: ForeignDisk,
  signal: AbortSignal,
): Promise<ToolOutcome> {
  // What is in our environment is nobody's business there.
  const clean = ['-i', 'PATH=/usr/local/bin:/usr/bin:/bin', 'TMPDIR=.'];
  const own = isolated ? namespaces : [];
  const program = [...clean, ...own, ...(reader === null ? limited : jailed(reader)), ...argv];
  try {
    // The first process of a namespace heeds SIGKILL alone.
    return await tryTool('env', program, { cwd: folder, endBy: 'SIGKILL', signal });
  } finally {
    if (reader !== null && !isolated) await endProcessesOf(reader.uid);
  }
}

/** What it has started could write into the disk after that was looked at. With namespaces the kernel has ended it. */
async function endProcessesOf(uid: number): Promise<void> {
  const giveUpAt = performance.now() + goneLimitMs;
  for (let left = await processesOf(uid); left.length > 0; left = await processesOf(uid)) {
    if (performance.now() > giveUpAt) {
      throw new VmTaskError('image-refused', `qemu-img left processes that cannot be ended: ${left.join(', ')}`);
    }
    for (const pid of left) kill(pid);
    await delay(pauseMs);
  }
}

const goneLimitMs = 10_000;
const pauseMs = 5;

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What `env`, `prlimit` and `setpriv` end with when there is no such program. */
const notFound = 127;

const limits = [
  'prlimit',
  '--core=0',
  `--as=${maxAddressSpaceBytes}`,
  `--cpu=${maxProcessorS}`,
  `--nofile=${maxFiles}`,
] as const;

const limited = [...limits, '--', 'setpriv', '--no-new-privs', '--'] as const;

function jailed({ uid, gid }: Owner): string[] {
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all', '--no-new-privs'];
  // The limit of threads is of a user: ours has other programs.
  return [...limits, `--nproc=${maxThreads}`, '--', ...user, '--bounding-set=-all', '--'];
}

/** Gives the folder, and the file in it, to the reader. */
export async function handOver({ folder, reader }: ForeignDisk, name: string): Promise<void> {
  if (reader === null) return;
  for (const path of [folder, join(folder, name)]) await chown(path, reader.uid, reader.gid);
}

/**
 * Takes a file that qemu-img wrote out of its folder, as ours. @throws `image-refused` when it is anything but a file of its own: a
 * link would have us open, and let others read, what it leads to.
 */
export async function takeBack({ folder, reader }: ForeignDisk, name: string, to: string): Promise<void> {
  const path = join(folder, name);
  const refuse = (why: string) => new VmTaskError('image-refused', `qemu-img left no disk, but ${why}: ${path}`);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ELOOP' ? refuse('a link') : error;
  });
  const found = await file.stat();
  if (!found.isFile()) throw refuse('something else than a file');
  if (found.nlink !== 1) throw refuse('a file with a second name');
  if (reader !== null) await file.chown(process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  await rename(path, to);
}
