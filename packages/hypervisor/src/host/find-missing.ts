/** The ledger against the host (I6): what a VM has by its record, and has not. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '@vm-task/shared/home';
import type { Missing } from '../hypervisor.ts';
import { slotPaths } from '../ledger/slots.ts';
import type { VmState } from '../ledger/vm-record.ts';
import { nullIfMissing } from './missing.ts';

/** Nothing for a VM that is being made or going: it has as much as it has. A port and a namespace are its process's. */
export async function findMissing(home: Home, state: VmState, isAlive: boolean): Promise<Missing[]> {
  if (state.phase !== 'ready' && state.phase !== 'claimed') return [];
  const { vm } = state.record;
  const missing: Missing[] = [];
  if (!isAlive) missing.push({ kind: 'process', why: 'its process has ended' });
  const { run, sshKey } = home.vm(vm);
  // Of a named VM nothing but its record and its slots is here.
  for (const path of state.record.driver === 'qemu' ? [run, sshKey] : []) {
    if (await isAbsent(path)) missing.push({ kind: 'file', why: `${path} has been removed` });
  }
  for (const path of slotPaths(home, state.record)) {
    if (await isAbsent(join(path, vm))) missing.push({ kind: 'slot', why: `the slot ${path} is no longer its own` });
  }
  return missing;
}

async function isAbsent(path: string): Promise<boolean> {
  return (await stat(path).catch(nullIfMissing)) === null;
}
