/** Why a VM goes, on disk before anything of it is removed; on a full disk, where only removing makes room, after it. */
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { writeEnded } from './ledger.ts';

/** @throws what `remove` throws; what keeps the reason from being written even then. */
export async function endWithReason(home: Home, vm: VmId, reason: string, remove: () => Promise<void>): Promise<void> {
  const isNoted = await writeEnded(home, vm, reason).then(
    () => true,
    () => false,
  );
  await remove();
  if (!isNoted) await writeEnded(home, vm, reason);
}
