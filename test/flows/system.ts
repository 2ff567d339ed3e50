/**
 * Provisioner, runner, reaper and the pipelines of intake as they work together, in this process: on a real broker, with a hypervisor that has
 * no machines, whose every VM is one sshd on the loopback.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Connection, Patience } from '@vm-task/bus/connection';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { type Cancelled, cancelTask } from '@vm-task/intake/cancel-task';
import { workPipelines } from '@vm-task/intake/work-pipelines';
import { expressionsHere } from '@vm-task/pipelines/expressions/fill';
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import { startProvisioner } from '@vm-task/provisioner/start';
import { checkpointFile } from '@vm-task/reaper/checkpoint';
import { startReaper } from '@vm-task/reaper/start';
import { type ConnectGuest, connectBySsh, noConnections } from '@vm-task/runner/guest';
import { startRunner } from '@vm-task/runner/start';
import { parseConfig, type SystemConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { anyHost, type Stored } from '@vm-task/shared/events';
import { type Home, homeAt } from '@vm-task/shared/home';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId } from '@vm-task/shared/new-ids';
import { runnerPatienceMs } from '@vm-task/shared/time-limits';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor, type FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { eventAt } from '@vm-task/testing/stored';
import { makeTempFolder } from '@vm-task/testing/temp-folder';

const configFor = (max: number) =>
  parseConfig(`pools: { default: { max: ${max}, warm: 1 } }\nreaper: { sweep: 200ms }\ncancel: { grace: 2s }`, 'test');

export interface System extends AsyncDisposable {
  readonly broker: Broker;
  readonly guest: SshGuest;
  readonly hypervisor: FakeHypervisor;
  submit(file: object): Promise<TaskId>;
  /** As a person asks for it; the task may be anywhere. */
  cancel(task: TaskId): Promise<Cancelled>;
  /** One more of every service, on a connection of its own. It ends with the system, too. */
  startServices(): Promise<Services>;
  /** The task's head, once it is of that type. */
  headOf<T extends Stored['type']>(task: TaskId, type: T, limitMs?: number): Promise<Stored<T>>;
  /** Every event that names the task, in order. */
  eventsOf(task: TaskId): Promise<Stored[]>;
}

export interface Services extends AsyncDisposable {
  /** As SIGTERM does, when the grace is so long: resolves when nothing is in flight any more. */
  drain(graceMs: number): Promise<void>;
}

export interface SystemOptions {
  /** In the place of one of its own, which goes with the system. */
  readonly broker?: Broker;
  /** Of each service. */
  readonly copies?: number;
  /** VMs at once. */
  readonly max?: number;
  /** Instead of the guest on the loopback. */
  readonly connect?: ConnectGuest;
  /** Of the services with the broker. */
  readonly patience?: Patience;
  /** Called whenever services dial a broker that they have lost. */
  readonly onDial?: () => void;
}

export async function startSystem({ copies = 1, max = 4, ...options }: SystemOptions = {}): Promise<System> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await makeTempFolder('flows'));
  const broker = options.broker ?? started.use(await startBroker());
  const guest = started.use(await startSshGuest());
  const hypervisor = createFakeHypervisor({ access: guest.access });
  const config = configFor(max);
  const home = homeAt(folder.path);
  const start = () =>
    startServices({
      broker,
      hypervisor,
      home,
      config,
      connect: connectTo(guest, home, config),
      ...options,
    });
  for (let copy = 0; copy < copies; copy++) started.use(await start());
  const all = started.move();
  return {
    broker,
    guest,
    hypervisor,
    submit: (file) => submit(broker, config, file),
    cancel: (task) =>
      cancelTask(broker.bus, { pool: 'default', task }, { by: 'test', reason: 'because' }, AbortSignal.timeout(60_000)),
    startServices: async () => all.use(await start()),
    headOf: (task, type, limitMs) => headOf(broker, task, type, limitMs),
    eventsOf: (task) => eventsOf(broker, task),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** The fake's VMs have no folders, so the key is put where the real one has it. */
function connectTo(guest: SshGuest, home: Home, { drivers }: SystemConfig): ConnectGuest {
  const bySsh = connectBySsh(home, noConnections(), drivers);
  return async (ready, signal) => {
    const key = home.vm(ready.vm).sshKey;
    await mkdir(dirname(key), { recursive: true });
    await writeFile(key, guest.privateKey, { mode: 0o600 });
    return bySsh(ready, signal);
  };
}

export interface Parts {
  readonly broker: Broker;
  readonly hypervisor: Hypervisor;
  readonly home: Home;
  readonly config: SystemConfig;
  readonly connect: ConnectGuest;
  readonly patience?: Patience;
  readonly onDial?: () => void;
}

/** Each of them once: those of control on one connection of their own, those of the host on another. */
export async function startServices({ broker, hypervisor, home, config, connect, ...parts }: Parts): Promise<Services> {
  await using started = new AsyncDisposableStack();
  const host = 'host-1';
  const control = started.use(await broker.connect(parts));
  const own = started.use(await broker.connect({ ...parts, host }));
  const connections = started.move();
  const watching = [control, own].map(({ connection }) => watchDials(connection, parts.onDial));
  const [stop, abort] = [new AbortController(), new AbortController()];
  const shared = { config, hypervisor, host, log: silentLogger, stop: stop.signal, abort: abort.signal };
  const [ofControl, ofHost] = [
    { ...shared, bus: control.bus },
    { ...shared, bus: own.bus },
  ];
  const running = Promise.all([
    workPipelines({
      ...ofControl,
      expressions: expressionsHere,
      admission: { refusal: async () => null },
      isPlain: () => false,
      slots: 8,
    }),
    startReaper({
      ...ofControl,
      patienceMs: runnerPatienceMs(config),
      role: 'all',
      checkpoints: checkpointFile(join(home.checkpoints, 'reaper.json')),
    }),
    startProvisioner({ ...ofHost, tellProgress: () => undefined }),
    startRunner({ ...ofHost, home, isVmAlive: (vm) => hypervisor.isAlive(vm), connect }),
  ]);
  const drain = async (graceMs: number) => {
    stop.abort(new Error('draining'));
    const giveUp = setTimeout(() => abort.abort(new Error('given up')), graceMs);
    await running.finally(() => clearTimeout(giveUp));
    await connections.disposeAsync();
    await Promise.all(watching);
  };
  return { drain, [Symbol.asyncDispose]: () => drain(0) };
}

/** Ends with the connection. */
async function watchDials({ nc }: Connection, onDial: () => void = () => {}): Promise<void> {
  for await (const { type } of nc.status()) if (type === 'reconnecting') onDial();
}

/** As intake accepts it. */
export async function submit({ bus }: Broker, config: SystemConfig, file: object): Promise<TaskId> {
  const task = newTaskId(Date.now());
  const data = { v: 1 as const, task, ...planTask(file, config), cause: { kind: 'http' as const, id: 'test' } };
  await bus.append({ type: 'task.created', data, host: anyHost }, 0, AbortSignal.timeout(100_000));
  return task;
}

export async function headOf<T extends Stored['type']>(
  { bus }: Broker,
  task: TaskId,
  type: T,
  limitMs = 60_000,
  pool = 'default',
): Promise<Stored<T>> {
  const head = await eventually(
    async () => {
      const found = await bus.head({ pool, task }).catch(() => null);
      return found?.type === type && found;
    },
    { what: `the task is at ${type}`, limitMs },
  );
  return head as Stored<T>;
}

export async function eventsOf({ bus, connection }: Broker, task: TaskId): Promise<Stored[]> {
  const { state } = await connection.jsm.streams.info('EVENTS');
  const all = await Promise.all(Array.from({ length: state.last_seq }, (_, index) => eventAt(bus, index + 1)));
  return all.filter((event) => event !== null && 'task' in event.data && event.data.task === task) as Stored[];
}
