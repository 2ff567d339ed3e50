/** The host's processes, as /proc tells them. A process that goes meanwhile is simply not there. */
import { readdirSync, readFileSync } from 'node:fs';

export interface HostProcess {
  readonly pid: number;
  readonly parent: number;
  readonly argv: readonly string[];
}

export function listProcesses(): HostProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        // The name in parentheses may have spaces and parentheses of its own.
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (state === 'Z') return [];
        const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        return [{ pid: Number(name), parent: Number(parent), argv }];
      } catch {
        return [];
      }
    });
}

/** Processes that were started by `pid`, and what those started. */
export function descendantsOf(pid: number): HostProcess[] {
  const all = listProcesses();
  const found: HostProcess[] = [];
  for (let parents = [pid]; parents.length > 0; ) {
    const children = all.filter((process) => parents.includes(process.parent));
    found.push(...children);
    parents = children.map((child) => child.pid);
  }
  return found;
}

/** Processes whose environment, as it was when they started, has this line. */
export function processesWithEnvironment(line: string): HostProcess[] {
  return listProcesses().filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(line);
    } catch {
      return false;
    }
  });
}

/** Absent already is success. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Program and arguments, for `spawn`, of a child that the kernel kills when this process ends, however it ends. */
export function dyingWithUs(program: string, ...args: readonly string[]): [string, string[]] {
  return ['setpriv', ['--pdeathsig', 'KILL', program, ...args]];
}
