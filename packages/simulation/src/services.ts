/** The real services, each in a simulated process of its own, and started again whenever it has died. */
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import type { Image } from '@vm-task/hypervisor/images/image';
import { type Accepted, acceptTask, type Submission } from '@vm-task/intake/accept-task';
import { cancelTask } from '@vm-task/intake/cancel-task';
import { onTaskCancel } from '@vm-task/intake/on-task-cancel';
import { onTaskSubmit } from '@vm-task/intake/on-task-submit';
import { startProvisioner } from '@vm-task/provisioner/start';
import { enforceLedgerDeadlines } from '@vm-task/reaper/ledger-deadlines';
import { startReaper } from '@vm-task/reaper/start';
import { startRunner } from '@vm-task/runner/start';
import { type Bus, createBus } from '@vm-task/shared/bus/bus';
import { findCreated } from '@vm-task/shared/bus/find-task';
import type { SystemConfig } from '@vm-task/shared/config';
import { flow } from '@vm-task/shared/flow';
import { homeAt } from '@vm-task/shared/home';
import type { TaskId } from '@vm-task/shared/ids';
import { silentLogger } from '@vm-task/shared/log';
import type { SpineKey } from '@vm-task/shared/subjects';
import { connectTo } from './broker/connection.ts';
import type { Guests } from './guest.ts';
import type { Host, HostProcess } from './host.ts';
import type { Ledger } from './ledger.ts';
import { type BrokerHost, Link, type NetworkParts } from './network.ts';
import { runAs } from './virtual-time.ts';

export type ServiceName = 'intake' | 'provisioner' | 'runner' | 'reaper';

export interface ServiceParts extends NetworkParts {
  readonly host: Host;
  readonly brokerHost: BrokerHost;
  readonly ledger: Ledger;
  readonly guests: Guests;
  readonly config: SystemConfig;
}

/** What one process has. */
interface Running {
  readonly process: HostProcess;
  readonly bus: Bus;
  readonly hypervisor: Hypervisor;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

const hostName = 'host-1';
const home = homeAt('/simulated');
/** As the service's own. */
const drainGraceMs = 20_000;
const restartMs = [200, 8_000] as const;
const appendLimitMs = 30_000;
/** As many as can be in hand: more would only ask for messages that are not there. */
const commandSlots = 2;

const image = {
  ref: { name: 'python', version: '3.2.0' },
  runtimes: { shell: ['/bin/sh', '-eu'] },
} as unknown as Image;
const images = { ensure: async () => image };
const log = silentLogger;

export class Service {
  readonly name: ServiceName;
  readonly #parts: ServiceParts;
  readonly #index: number;
  #running: Running | null = null;
  #drain = () => {};

  constructor(name: ServiceName, index: number, parts: ServiceParts) {
    this.name = name;
    this.#parts = parts;
    this.#index = index;
  }

  /** The process that is there now, or null. */
  get process(): HostProcess | null {
    return this.#running?.process ?? null;
  }

  start(): void {
    const { host, brokerHost, time, faults, observations } = this.#parts;
    const process = host.start(`${this.name}-${this.#index}`);
    observations.trace(`${process.name} starts as ${process.pid}`);
    const [stop, abort] = [new AbortController(), new AbortController()];
    const connection = connectTo(brokerHost.broker, new Link(brokerHost, process, this.#parts));
    const running: Running = {
      process,
      bus: createBus(connection, `vm-task/${hostName}/${this.name}`, log),
      hypervisor: this.#parts.ledger.usedBy(process),
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
      time.after(faults.between(...restartMs), null, () => this.start());
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

  /** By HTTP; never answered when the process dies meanwhile. */
  accept(submission: Submission): Promise<Accepted> {
    return this.#ask(({ bus }) => {
      const deps = {
        config: this.#parts.config,
        bus,
        admission: { refusal: async () => null, requireRoom: async () => undefined },
        claimKey: async () => Promise.reject(new Error('no task of the simulation has a key')),
        findCreated: (task: TaskId) => findCreated(bus.connection, task),
        now: Date.now,
      };
      return acceptTask(deps, submission, AbortSignal.timeout(appendLimitMs));
    });
  }

  cancel(spine: SpineKey): Promise<unknown> {
    const request = { by: 'simulation', reason: 'by chance' };
    return this.#ask(({ bus }) => cancelTask(bus, spine, request, AbortSignal.timeout(appendLimitMs)));
  }

  #ask<T>(question: (running: Running) => Promise<T>): Promise<T> {
    const running = this.#running;
    if (running === null) return Promise.reject(new Error(`${this.name} does not run`));
    return runAs(running.process, () => question(running));
  }

  #work(running: Running): Promise<unknown> {
    switch (this.name) {
      case 'intake':
        return intake(running, this.#parts.config);
      case 'provisioner':
        return startProvisioner({ ...running, ...this.#common(), images, tellProgress: () => undefined });
      case 'runner':
        return this.#runner(running);
      case 'reaper':
        return this.#reaper(running);
    }
  }

  #common() {
    return { config: this.#parts.config, host: hostName, log };
  }

  #runner(running: Running): Promise<void> {
    const { ledger, guests } = this.#parts;
    return startRunner({
      ...running,
      ...this.#common(),
      home,
      connect: guests.usedBy(running.process),
      isVmAlive: async (vm) => {
        const state = ledger.states.find(({ record }) => record.vm === vm);
        return state === undefined ? null : ledger.machine(vm) !== null;
      },
    });
  }

  #reaper(running: Running): Promise<unknown> {
    const sweepMs = this.#parts.config.reaper.sweep;
    const { hypervisor, stop } = running;
    return Promise.all([
      startReaper({ ...running, ...this.#common() }),
      enforceLedgerDeadlines({ hypervisor, sweepMs, log, stop }),
    ]);
  }
}

function intake({ bus, stop, abort }: Running, config: SystemConfig): Promise<unknown> {
  const slots = { slots: commandSlots, stop, abort };
  const find = (task: TaskId) => findCreated(bus.connection, task);
  const deps = { bus, config, admission: { refusal: async () => null }, findCreated: find };
  return Promise.all([
    bus.workMessages(flow.intakeOnTaskSubmit, (handling) => onTaskSubmit(deps, handling), slots),
    bus.workMessages(flow.intakeOnTaskCancel, (handling) => onTaskCancel(deps, handling), slots),
  ]);
}
