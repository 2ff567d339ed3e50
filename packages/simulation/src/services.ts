/** The real services, each in a simulated process of its own, and started again whenever it has died. */
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { type Accepted, acceptTask, type Submission } from '@vm-task/intake/accept-task';
import { type Admission, createAdmission } from '@vm-task/intake/admission';
import { cancelTask } from '@vm-task/intake/cancel-task';
import { onTaskCancel } from '@vm-task/intake/on-task-cancel';
import { onTaskSubmit } from '@vm-task/intake/on-task-submit';
import { startProvisioner } from '@vm-task/provisioner/start';
import { enforceLedgerDeadlines } from '@vm-task/reaper/ledger-deadlines';
import { startReaper } from '@vm-task/reaper/start';
import { startRunner } from '@vm-task/runner/start';
import { type Bus, createBus } from '@vm-task/shared/bus/bus';
import type { Connection } from '@vm-task/shared/bus/connection';
import { findCreated } from '@vm-task/shared/bus/find-task';
import type { SystemConfig } from '@vm-task/shared/config';
import { flow } from '@vm-task/shared/flow';
import { homeAt } from '@vm-task/shared/home';
import type { TaskId } from '@vm-task/shared/ids';
import { silentLogger } from '@vm-task/shared/log';
import type { SpineKey } from '@vm-task/shared/subjects';
import { connectTo } from './broker/connection.ts';
import type { Guests } from './guest.ts';
import type { HostProcess } from './host.ts';
import type { Ledger } from './ledger.ts';
import { type BrokerHost, Link, type NetworkParts } from './network.ts';
import { runAs } from './virtual-time.ts';

export type ServiceName = 'intake' | 'provisioner' | 'runner' | 'reaper';

export interface ServiceParts extends NetworkParts {
  readonly brokerHost: BrokerHost;
  readonly guests: Guests;
  readonly config: SystemConfig;
}

/** What one process has. */
interface Running {
  readonly process: HostProcess;
  readonly bus: Bus;
  readonly hypervisor: Hypervisor;
  readonly admission: Admission;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

const home = homeAt('/simulated');
/** As the service's own. */
const drainGraceMs = 20_000;
const restartMs = [200, 8_000] as const;
const appendLimitMs = 30_000;
/** As many as can be in hand: more would only ask for messages that are not there. */
const commandSlots = 2;

const log = silentLogger;

export class Service {
  readonly name: ServiceName;
  readonly #parts: ServiceParts;
  /** Of the host that it runs on. */
  readonly ledger: Ledger;
  readonly #index: number;
  #downUntilMs = 0;
  #running: Running | null = null;
  #drain = () => {};

  constructor(name: ServiceName, index: number, ledger: Ledger, parts: ServiceParts) {
    this.name = name;
    this.ledger = ledger;
    this.#parts = parts;
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
      bus: createBus(connection, `vm-task/${host.name}/${this.name}`, log),
      hypervisor: this.ledger.usedBy(process),
      admission: admissionTo(connection),
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

  /** By HTTP; never answered when the process dies meanwhile. */
  accept(submission: Submission): Promise<Accepted> {
    return this.#ask(({ bus, admission }) => {
      const deps = {
        config: this.#parts.config,
        bus,
        admission,
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
    const sweepMs = this.#parts.config.reaper.sweep;
    const { hypervisor, stop } = running;
    return Promise.all([
      startReaper({ ...running, ...this.#common() }),
      enforceLedgerDeadlines({ hypervisor, sweepMs, log, stop }),
    ]);
  }
}

/** By what the stream has; the disk never runs out. */
function admissionTo({ jsm }: Connection): Admission {
  const measure = async () => {
    const { state, config } = await jsm.streams.info('EVENTS');
    return { eventsBytes: state.bytes, eventsMaxBytes: config.max_bytes, diskFreeBytes: Number.POSITIVE_INFINITY };
  };
  return createAdmission(measure, () => performance.now());
}

function intake({ bus, admission, stop, abort }: Running, config: SystemConfig): Promise<unknown> {
  const slots = { slots: commandSlots, stop, abort };
  const find = (task: TaskId) => findCreated(bus.connection, task);
  const deps = { bus, config, admission, findCreated: find };
  return Promise.all([
    bus.workMessages(flow.intakeOnTaskSubmit, (handling) => onTaskSubmit(deps, handling), slots),
    bus.workMessages(flow.intakeOnTaskCancel, (handling) => onTaskCancel(deps, handling), slots),
  ]);
}
