/** Carries out what the seed wants: signals to processes that carry the home's path, by their numbers, and no others. */
import { setTimeout as delay } from 'node:timers/promises';
import { readState } from '@vm-task/embedded/state';
import type { Home } from '@vm-task/shared/home';
import { type ServiceName, services } from '@vm-task/shared/roles';
import { signalProcess } from '@vm-task/testing/processes';
import type { Disturbance, Target } from './disturbance.ts';
import { processesOf, qemuProcessesOf } from './own-processes.ts';

/** One thing that was done to one process. */
export interface Deed {
  /** By this machine's clock. */
  readonly at: Date;
  readonly target: Exclude<Target, 'everything'>;
  readonly act: Disturbance['act'];
  readonly lastsMs: number;
  readonly pid: number;
  /** Of a machine. */
  readonly vm: string | null;
}

interface Victim {
  readonly target: Deed['target'];
  readonly pid: number;
  readonly vm: string | null;
}

const signals = { kill: 'SIGKILL', restart: 'SIGTERM', stop: 'SIGSTOP' } as const;

export class Disturber implements AsyncDisposable {
  readonly #home: Home;
  readonly #tell: (deed: Deed) => void;
  readonly #stopped = new Map<number, Promise<void>>();
  readonly #goOn = new AbortController();

  /** `tell` hears of each deed just after it was done. */
  constructor(home: Home, tell: (deed: Deed) => void) {
    this.#home = home;
    this.#tell = tell;
  }

  /** Does it to whoever is there; to nobody when there is none. */
  carryOut({ target, act, lastsMs, which }: Disturbance): void {
    for (const victim of this.#victims(target, which)) {
      if (!processesOf(this.#home).some(({ pid }) => pid === victim.pid)) continue;
      signalProcess(victim.pid, signals[act]);
      if (act === 'stop') this.#continueLater(victim.pid, lastsMs);
      this.#tell({ at: new Date(), ...victim, act, lastsMs });
    }
  }

  /** Whatever is stopped goes on, now. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#goOn.abort();
    await Promise.all(this.#stopped.values());
  }

  #continueLater(pid: number, afterMs: number): void {
    const continued = delay(afterMs, undefined, { signal: this.#goOn.signal })
      .catch(() => undefined)
      .then(() => {
        this.#stopped.delete(pid);
        if (processesOf(this.#home).some((process) => process.pid === pid)) signalProcess(pid, 'SIGCONT');
      });
    this.#stopped.set(pid, continued);
  }

  /** What is stopped already is left alone, so that every stop has its length. */
  #victims(target: Target, which: number): Victim[] {
    return this.#candidates(target, which).filter(({ pid }) => !this.#stopped.has(pid));
  }

  #candidates(target: Target, which: number): Victim[] {
    switch (target) {
      case 'machine': {
        const machines = qemuProcessesOf(this.#home);
        const chosen = machines[Math.floor(which * machines.length)];
        return chosen === undefined ? [] : [{ target, ...chosen }];
      }
      case 'nats-server': {
        const pid = readState(this.#home)?.nats?.pid ?? null;
        return pid === null ? [] : [{ target, pid, vm: null }];
      }
      case 'everything':
        return [...services, 'nats-server' as const].flatMap((one) => this.#candidates(one, which));
      default:
        return this.#service(target);
    }
  }

  #service(target: ServiceName): Victim[] {
    const pid = readState(this.#home)?.services.find(({ name }) => name === target)?.pid ?? null;
    return pid === null ? [] : [{ target, pid, vm: null }];
  }
}
