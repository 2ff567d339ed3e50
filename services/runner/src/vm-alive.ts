/** Whether a VM's process is still there, by this host's ledger. */
import { readFile } from 'node:fs/promises';
import { isRunning } from '@vm-task/hypervisor/ledger/process-ref';
import { vmRecordSchema } from '@vm-task/hypervisor/ledger/vm-record';
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';

/** False only when exactly the recorded process is gone; null where the ledger has no VM of that id, or no process of it. */
export async function isVmAlive(home: Home, vm: VmId): Promise<boolean | null> {
  const text = await readFile(home.vm(vm).record, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const record = vmRecordSchema.parse(JSON.parse(text));
  return record.driver === 'ssh' || record.process === null ? null : isRunning(record.process);
}
