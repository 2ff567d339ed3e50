/** The real services, each in a simulated process of its own, and started again whenever it has died. */

import { type Bus, createBus } from '@vm-task/bus/bus';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { startProvisioner } from '@vm-task/provisioner/start';
import type { Checkpoint, CheckpointStore } from '@vm-task/reaper/checkpoint';
import { enforceLedgerDeadlines } from '@vm-task/reaper/ledger-deadlines';
import { startReaper } from '@vm-task/reaper/start';
import { startRunner } from '@vm-task/runner/start';
import type { SystemConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { anyHost, type HostToken } from '@vm-task/shared/events';
import { homeAt } from '@vm-task/shared/home';
import type { TaskId } from '@vm-task/shared/ids';
import { hostServices } from '@vm-task/shared/roles';
import { runnerPatienceMs } from '@vm-task/shared/time-limits';
import { connectTo } from './broker/connection.ts';
import type { Guests } from './guest.ts';
import type { HostProcess } from './host.ts';
import { Intake } from './intake.ts';
import type { Ledger } from './ledger.ts';
import { type BrokerHost, Link, type NetworkParts } from './network.ts';
import { runAs } from './virtual-time.ts';

export type ServiceName = 'intake' | 'provisioner' | 'runner' | 'reaper';

export interface ServiceParts extends NetworkParts {
  readonly brokerHost: BrokerHost;
  readonly guests: Guests;
  readonly config: SystemConfig;
  /** False where nobody submits any: then what works on them would only ask for messages that are not there. */
  readonly hasPipelines: boolean;
  readonly isPlain: (task: TaskId) => boolean;
}

/** What one process has. */
interface Running {
  readonly process: HostProcess;
  readonly bus: Bus;
  readonly hypervisor: Hypervisor;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

const home = homeAt('/simulated');
/** As the service's own. */
const drainGraceMs = 20_000;
const restartMs = [200, 8_000] as const;

const log = silentLogger;

export class Service {
  readonly name: ServiceName;
  readonly #parts: ServiceParts;
  /** Of the host that it runs on. */
  readonly ledger: Ledger;
  readonly #index: number;
  /** On the host's disk: it outlives the process. */
  readonly #checkpoints: CheckpointStore;
  #downUntilMs = 0;
  #running: Running | null = null;
  #intake: Intake | null = null;
  #drain = () => {};

  constructor(name: ServiceName, index: number, ledger: Ledger, parts: ServiceParts) {
    this.name = name;
    this.ledger = ledger;
    this.#parts = parts;
    this.#checkpoints = checkpointsOf(parts);
    this.#index = index;
  }

  /** The process that is there now, or null. */
  get process(): HostProcess | null {
    return this.#running?.process ?? null;
  }

  start(): void {
    const { brokerHost, time, faults, observations } = this.#parts;
    const { host } = this.ledger;
    const process = host.start(`${this.name}-${this.#index}@${host.name}`);
    observations.trace(`${process.name} starts as ${process.pid}`);
    const [stop, abort] = [new AbortController(), new AbortController()];
    const connection = connectTo(brokerHost.broker, new Link(brokerHost, process, this.#parts));
    const running: Running = {
      process,
      bus: createBus(connection, `vm-task/${host.name}/${this.name}`, log, this.#speaksAs()),
      hypervisor: this.ledger.usedBy(process),
      stop: stop.signal,
      abort: abort.signal,
    };
    this.#running = running;
    this.#drain = () => {
      time.after(drainGraceMs, process, () => abort.abort(new Error('the drain has ended')));
      stop.abort(new Error('draining'));
    };
    process.onDeath(() => {
      this.#running = null;
      const restart = faults.between(...restartMs);
      time.after(Math.max(restart, this.#downUntilMs - time.nowMs), null, () => this.start());
    });
    const end = (how: string) => {
      if (!process.isAlive) return;
      observations.trace(`${process.name} ended: ${how}`);
      if (!stop.signal.aborted) observations.sometimes('a service ended by itself');
      process.kill();
    };
    runAs(process, () => this.#work(running)).then(
      () => end('drained'),
      (error: Error) => end(error.message),
    );
  }

  /** As SIGTERM does. */
  drain(): void {
    if (this.#running !== null) runAs(this.#running.process, this.#drain);
  }

  /** Killed, and not started again before then. */
  takeDown(untilMs: number): void {
    this.#downUntilMs = untilMs;
    this.process?.kill();
  }

  /** Asked by HTTP; never answered when the process dies meanwhile. */
  askIntake<T>(question: (intake: Intake) => Promise<T>): Promise<T> {
    const [running, intake] = [this.#running, this.#intake];
    if (running === null || intake === null) return Promise.reject(new Error(`${this.name} does not run`));
    return runAs(running.process, () => question(intake));
  }

  /** Control's services speak for none. */
  #speaksAs(): HostToken {
    return hostServices.some((service) => service === this.name) ? this.ledger.host.name : anyHost;
  }

  #work(running: Running): Promise<unknown> {
    switch (this.name) {
      case 'intake':
        this.#intake = new Intake(running.bus, this.#parts);
        return this.#intake.work(running);
      case 'provisioner':
        return startProvisioner({ ...running, ...this.#common(), tellProgress: () => undefined });
      case 'runner':
        return this.#runner(running);
      case 'reaper':
        return this.#reaper(running);
    }
  }

  #common() {
    return { config: this.#parts.config, host: this.ledger.host.name, log };
  }

  #runner(running: Running): Promise<void> {
    const { guests } = this.#parts;
    return startRunner({
      ...running,
      ...this.#common(),
      home,
      connect: guests.usedBy(running.process),
      isVmAlive: async (vm) => {
        const state = this.ledger.states.find(({ record }) => record.vm === vm);
        return state === undefined ? null : this.ledger.machine(vm) !== null;
      },
    });
  }

  #reaper(running: Running): Promise<unknown> {
    const { config } = this.#parts;
    const sweepMs = config.reaper.sweep;
    const patienceMs = runnerPatienceMs(config);
    const { hypervisor, stop } = running;
    return Promise.all([
      startReaper({ ...running, ...this.#common(), patienceMs, role: 'all', checkpoints: this.#checkpoints }),
      enforceLedgerDeadlines({ hypervisor, sweepMs, log, stop }),
    ]);
  }
}

/** Of all that were saved one is found: mostly the last, sometimes an older one, sometimes none. */
function checkpointsOf({ faults, observations }: ServiceParts): CheckpointStore {
  const saved: string[] = [];
  return {
    load() {
      const isOld = faults.between(0, 1) < 0.2;
      const found = isOld ? saved[Math.floor(faults.between(0, saved.length))] : saved.at(-1);
      if (found === undefined) return null;
      observations.sometimes(
        found === saved.at(-1) ? 'a reaper goes on from its checkpoint' : 'a reaper goes on from an old checkpoint',
      );
      return JSON.parse(found) as Checkpoint;
    },
    save: (checkpoint) => void saved.push(JSON.stringify(checkpoint)),
  };
}
