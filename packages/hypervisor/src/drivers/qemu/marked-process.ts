/**
 * Our mark on a process: the absolute path of its VM's folder, as the value of QEMU's `-name`. Whatever wraps QEMU
 * has it on its own command line, too, so one look at /proc finds all that belongs to a VM, also when a crash kept
 * its number from being written down (I6).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Home } from '@vm-task/shared/home';
import { isVmId, type VmId } from '@vm-task/shared/ids';
import { startTicksOf } from '../../ledger/process-ref.ts';
import type { MarkedProcess } from '../driver.ts';

/** QEMU's options end at a comma; two stand for one. */
export function escapeOption(value: string): string {
  return value.replaceAll(',', ',,');
}

export function mark(home: Home, vm: VmId): string {
  return escapeOption(home.vm(vm).root);
}

/** Every process on this host that carries the mark of a VM of this home. */
export function markedProcesses(home: Home): MarkedProcess[] {
  const folder = escapeOption(home.vms);
  return readdirSync('/proc')
    .filter((name) => /^[1-9]\d*$/.test(name))
    .flatMap((name) => {
      const vm = markedVm(name, folder);
      const startTicks = vm === null ? null : startTicksOf(Number(name));
      return vm === null || startTicks === null ? [] : [{ pid: Number(name), startTicks, vm }];
    });
}

function markedVm(pid: string, folder: string): VmId | null {
  const argv = argvOf(pid);
  const value = argv[argv.indexOf('-name') + 1];
  if (value === undefined || dirname(value) !== folder) return null;
  const vm = basename(value);
  return isVmId(vm) ? vm : null;
}

/** Empty for a process that has gone, or is another user's to look at. */
function argvOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
