/** What the floor loads: the same machine, frozen by the same hand, in which sshd goes on with the key that it has. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BootPlan } from '@vm-task/hypervisor/snapshots/boot';
import { freeze, runFolder } from '@vm-task/hypervisor/snapshots/freeze';
import type { Snapshot } from '@vm-task/hypervisor/snapshots/snapshot';
import type { Cache } from '@vm-task/shared/home';
import { disposedAtSignal } from '@vm-task/testing/dispose-at-signal';
import { firstCommand } from '../raw-ssh.ts';

/** The first login reads sshd from the disk, the second finds it in memory. */
const logins = 2;

export type FloorMachine = Snapshot & AsyncDisposable;

export async function freezeFloorMachine(
  cache: Cache,
  plan: Omit<BootPlan, 'folder' | 'logs'>,
  signal: AbortSignal,
): Promise<FloorMachine> {
  const folder = await mkdtemp(join(cache.root, 'bench-floor-'));
  const remove = () => rm(folder, { recursive: true });
  try {
    const manifest = await freeze({ ...plan, folder }, signal, async (access, { privateKey, timeoutMs }) => {
      for (let login = 0; login < logins; login++) await firstCommand(access, privateKey, timeoutMs);
    });
    return disposedAtSignal({ ...manifest, key: '', folder: join(folder, runFolder), [Symbol.asyncDispose]: remove });
  } catch (error) {
    await remove();
    throw error;
  }
}
