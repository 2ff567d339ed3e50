/** What the processes that stay have at one moment, and the most that they had over a while. */
import { readFileSync } from 'node:fs';
import { openFilesOf } from '@vm-task/chaos/own-processes';
import { readState } from '@vm-task/embedded/state';
import type { Home } from '@vm-task/shared/home';

export interface Resident {
  readonly name: string;
  readonly pid: number;
}

export interface Holdings {
  readonly memoryMiB: number;
  readonly files: number;
  readonly ports: number;
}

/** Supervisor, broker and services of a system that is up. */
export function residentsOf(home: Home): Resident[] {
  const state = readState(home);
  if (state === null) throw new Error(`no system is up on ${home.root}`);
  const others = [
    { name: 'supervisor', pid: state.supervisor.pid },
    { name: 'nats-server', pid: state.nats?.pid ?? 0 },
  ];
  return [...others, ...state.services.map(({ name, pid }) => ({ name, pid: pid ?? 0 }))];
}

export function holdingsOf({ pid }: Resident): Holdings {
  const files = openFilesOf(pid);
  const listening = listeningSockets();
  return {
    memoryMiB: memoryMiBOf(pid),
    files: files.length,
    ports: files.filter((path) => listening.has(path)).length,
  };
}

/** Resident memory; 0 when the process has gone. */
export function memoryMiBOf(pid: number): number {
  try {
    const [, kiB = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kiB) / 1024;
  } catch {
    return 0;
  }
}

/** Links as they are in /proc/<pid>/fd. */
function listeningSockets(): Set<string> {
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  const fields = rows.map((row) => row.trim().split(/\s+/)).filter(([, , , state]) => state === '0A');
  return new Set(fields.map((row) => `socket:[${row[9]}]`));
}

const sampleEveryMs = 200;

export interface MemoryWatch extends Disposable {
  /** The most that each had so far, in MiB. */
  readonly peaks: ReadonlyMap<string, number>;
}

/** Looks at the resident memory of all of them, five times a second, until disposed of. */
export function watchMemory(residents: readonly Resident[]): MemoryWatch {
  const peaks = new Map<string, number>();
  const look = () => {
    for (const { name, pid } of residents) peaks.set(name, Math.max(peaks.get(name) ?? 0, memoryMiBOf(pid)));
  };
  look();
  const timer = setInterval(look, sampleEveryMs);
  return { peaks, [Symbol.dispose]: () => clearInterval(timer) };
}
