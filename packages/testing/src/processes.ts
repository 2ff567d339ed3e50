/** The host's processes, as /proc tells them. A process that goes meanwhile is simply not there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './conditions.ts';

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
        const [state, parent] = statOf(`/proc/${name}`);
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

/** Processes that have the text on their command line, or in their environment as it was when they started. */
export function processesThatName(text: string): HostProcess[] {
  return listProcesses().filter(({ pid, argv }) => {
    if (argv.some((word) => word.includes(text))) return true;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text);
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

/** Returns when it stands still, with all its threads: until then it may answer. One that has ended answers no more. */
export async function stopProcess(pid: number): Promise<void> {
  signalProcess(pid, 'SIGSTOP');
  const threads = `/proc/${pid}/task`;
  const standsStill = () => {
    try {
      return readdirSync(threads).every((thread) => ['T', 'Z'].includes(statOf(join(threads, thread))[0] ?? ''));
    } catch (error) {
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return !existsSync(threads);
      throw error;
    }
  };
  await eventually(standsStill, { what: `process ${pid} stands still` });
}

/** State, parent and so on, of a process or a thread. */
function statOf(folder: string): string[] {
  const stat = readFileSync(join(folder, 'stat'), 'utf8');
  // The name in parentheses may have spaces and parentheses of its own.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Program and arguments, for `spawn`, of a child that the kernel kills when this process ends, however it ends. */
export function dyingWithUs(program: string, ...args: readonly string[]): [string, string[]] {
  return ['setpriv', ['--pdeathsig', 'KILL', program, ...args]];
}
