/** Whether a VM's process is still there, by this host's ledger. */
import { readRecord } from '@vm-task/hypervisor/ledger/ledger';
import { isRunning } from '@vm-task/hypervisor/ledger/process-ref';
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';

/** False only when exactly the recorded process is gone; null where the ledger has no VM of that id, or no process of it. */
export async function isVmAlive(home: Home, vm: VmId): Promise<boolean | null> {
  const record = await readRecord(home, vm);
  return record === null || record.process === null ? null : isRunning(record.process);
}
