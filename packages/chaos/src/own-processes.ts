/** The processes of one home, found on the host by the home's path alone, whatever the services know of them. */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from '@vm-task/shared/home';
import { isVmId, type VmId } from '@vm-task/shared/ids';
import { type HostProcess, listProcesses } from '@vm-task/testing/processes';

export interface QemuProcess {
  readonly pid: number;
  readonly vm: VmId;
}

/** Those that name the home, or something in it, on their command line. */
export function processesOf(home: Home): HostProcess[] {
  return listProcesses().filter(({ argv }) => argv.some((argument) => argument.includes(home.root)));
}

/** The machines themselves, without what may wrap them. */
export function qemuProcessesOf(home: Home): QemuProcess[] {
  return processesOf(home).flatMap(({ pid, argv }) => {
    if (argv[0]?.includes('qemu-system') !== true) return [];
    const folder = argv.find((argument) => argument.startsWith(`${home.vms}/`)) ?? '';
    const vm = folder.slice(home.vms.length + 1).split('/')[0] ?? '';
    return isVmId(vm) ? [{ pid, vm }] : [];
  });
}

/** Those that have a file in the home open, without naming it on their command line. */
export function holdersOf(home: Home, except: readonly number[]): number[] {
  return listProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => !except.includes(pid) && openFilesOf(pid).some((path) => path.startsWith(`${home.root}/`)));
}

export function openFilesOf(pid: number): string[] {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).flatMap((name) => {
      try {
        return [readlinkSync(join(folder, name))];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}
