import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { closeFolder } from './ledger.ts';
import { quarantined } from './quarantine.ts';
import { freeSlots } from './slots.ts';

/** The last of a VM: its slots, then its folder. For whoever has verified that nothing else is left; absent already is success. */
export async function forgetVm(home: Home, vm: VmId): Promise<void> {
  await freeSlots(home, vm);
  const left = await closeFolder(home, vm);
  if (left.length > 0) throw await quarantined(home, vm, left);
}
