import { readdirSync, readFileSync } from 'node:fs';

/** As the driver starts it. */
const qemuProgram = 'qemu-system-x86_64';

/** The process of the VM that is QEMU itself, and none of those around it. @throws when there is none */
export async function qemuProcess(vm: string): Promise<number> {
  // At once: a task may be over in a moment.
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const argv = argvOf(pid);
    if (argv[0] === qemuProgram && argv[argv.indexOf('-name') + 1]?.endsWith(`/${vm}`)) return Number(pid);
  }
  throw new Error(`${vm} has no QEMU`);
}

/** Empty for a process that has gone. */
function argvOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
