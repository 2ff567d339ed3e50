/** What a process of ours does not take over from whoever started it. */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** Whatever this process makes from here on, others may not write to it. */
export function forbidOthersToWrite(): void {
  process.umask(process.umask() | 0o022);
}

/**
 * Closes what would go on to the programs that this process starts, but for standard input and output: files of
 * whoever started it. All that Node opens itself stays with Node.
 */
export function closeInheritedFiles(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd > 2 && isHandedOn(fd)) closeSync(fd);
  }
}

const closeOnExec = 0o2000000;

function isHandedOn(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0;
  } catch {
    // That of the folder itself is closed already.
    return false;
  }
}
