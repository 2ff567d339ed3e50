import { readdir, readFile } from 'node:fs/promises';

/** As the driver starts it. */
const qemuProgram = 'qemu-system-x86_64';

/** The process of the VM that is QEMU itself, and none of those around it. @throws when there is none */
export async function qemuProcess(vm: string): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (argv[0] === qemuProgram && argv[argv.indexOf('-name') + 1]?.endsWith(`/${vm}`)) return Number(pid);
  }
  throw new Error(`${vm} has no QEMU`);
}
