/** One `up` for each side of a home: the kernel keeps the claim for as long as its process lives. */
import { join } from 'node:path';
import { type FileLock, lockFile } from '@vm-task/hypervisor/file-lock';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';

/** @throws `already-up` where somebody has it. */
export async function claimSide(home: Home, side: 'control' | 'host', signal: AbortSignal): Promise<FileLock> {
  const taken = new AbortController();
  const onWait = () =>
    taken.abort(new VmTaskError('already-up', `vm-task is up already on ${home.root}; see ./vm-task status`));
  try {
    return await lockFile(join(home.run, lockOf[side]), onWait, AbortSignal.any([signal, taken.signal]));
  } catch (error) {
    throw taken.signal.aborted ? taken.signal.reason : error;
  }
}

const lockOf = { control: 'up.lock', host: 'up-host.lock' } as const;
