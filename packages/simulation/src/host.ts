/** A host: its boot, its clocks, and the processes on it, those of services and those of VMs. */
import type { Owner, VirtualTime } from './virtual-time.ts';

/** The simulation begins here; any time will do. */
export const epochMs = Date.UTC(2030, 0, 1);

const ticksPerSecond = 100;
/** More than any deadline. */
const bootGapMs = 24 * 3_600_000;

export class HostProcess implements Owner {
  readonly name: string;
  readonly pid: number;
  readonly startedMs: number;
  readonly host: Host;
  pausedUntilMs = 0;
  /** When something between it and the rest of the world went wrong last: what follows from that shows only later. */
  disturbedAtMs = 0;
  #isAlive = true;
  readonly #atDeath: (() => void)[] = [];

  constructor(name: string, pid: number, startedMs: number, host: Host) {
    this.host = host;
    this.name = name;
    this.pid = pid;
    this.startedMs = startedMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** In clock ticks, as /proc tells it. Never the same for two processes of one number. */
  get startTicks(): number {
    return Math.floor((this.startedMs / 1_000) * ticksPerSecond) + 1;
  }

  onDeath(action: () => void): void {
    this.#atDeath.push(action);
  }

  /** At once: nothing of it happens any more. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const action of this.#atDeath) action();
  }
}

export class Host {
  readonly name: string;
  readonly #time: VirtualTime;
  readonly #processes = new Map<number, HostProcess>();
  #lastPid = 1_000;
  #boots = 1;
  /** By so much people, or NTP, have set its wall clock wrong. */
  wallSkewMs = 0;

  constructor(name: string, time: VirtualTime) {
    this.name = name;
    this.#time = time;
  }

  start(name: string): HostProcess {
    const process = new HostProcess(name, ++this.#lastPid, this.#time.nowMs, this);
    this.#processes.set(process.pid, process);
    return process;
  }

  get running(): readonly HostProcess[] {
    return [...this.#processes.values()].filter((process) => process.isAlive);
  }

  reboot(): void {
    for (const process of this.#processes.values()) process.kill();
    this.#boots += 1;
  }

  /**
   * Services know for ever which boot they were loaded in, and here they are loaded once. So another boot shows by an
   * uptime that is past all that was promised in the last one, which is what another boot means.
   */
  get uptimeMs(): number {
    return this.#time.nowMs + (this.#boots - 1) * bootGapMs;
  }

  /** Since the beginning of the simulation. */
  get nowMs(): number {
    return this.#time.nowMs;
  }

  get wallMs(): number {
    return epochMs + this.#time.nowMs + this.wallSkewMs;
  }

  /** @throws ENOENT. */
  readProc(path: string): string {
    const process = this.#processes.get(Number(/^\/proc\/(\d+)\/stat$/.exec(path)?.[1]));
    if (process?.isAlive !== true) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' });
    return `${process.pid} (${process.name}) S ${'0 '.repeat(18)}${process.startTicks}`;
  }
}
