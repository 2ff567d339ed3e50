/** Provisioners in this process, on a real broker and a hypervisor without machines, and what tests do with them. */

import { type Bus, createBus, type WorkerRow, type WorkOptions } from '@vm-task/bus/bus';
import { makeDurables } from '@vm-task/bus/provision';
import type { CloneClass } from '@vm-task/hypervisor/drivers/qemu/record';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { parseConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import type { Draft, EventData, Stored } from '@vm-task/shared/events';
import { consumerFor, durablesFor } from '@vm-task/shared/flow';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import { eventPatterns } from '@vm-task/shared/subjects';
import { type Broker, type BrokerOptions, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor, type FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import { eventAt } from '@vm-task/testing/stored';
import { createTask, leaveClaimedVm, leaveWarmVm, storeEvent } from '@vm-task/testing/tasks-by-hand';
import { startProvisioner } from '../src/start.ts';

export interface Rig extends AsyncDisposable {
  readonly broker: Broker;
  readonly bus: Bus;
  readonly hypervisor: FakeHypervisor;
  /** One more provisioner; it is given up at the end of the test, if it was not drained before. */
  provision(options?: ProvisionerOptions): Provisioner;
  /** A task that somebody has submitted. */
  create(changes?: Partial<EventData<'task.created'>>): Promise<{ task: TaskId; seq: number; time: Date }>;
  store(draft: Draft, expectedSeq?: number): Promise<Stored>;
  /** The last event of the task, once it is of that type. */
  headOf<T extends Stored['type']>(task: TaskId, type: T): Promise<Stored<T>>;
  /** The last event of that type on each of its subjects. */
  eventsOf<T extends Stored['type']>(type: T): Promise<Stored<T>[]>;
  /** A VM that some provisioner made and left warm. */
  leaveWarm(changes?: Partial<CloneClass>): Promise<VmId>;
  /** A VM that some provisioner claimed, and told nobody of. */
  leaveClaimed(task: TaskId, attempt?: number): Promise<VmId>;
  /** Every VM of the hypervisor, with how far it is. */
  states(): Promise<(readonly [VmId, string])[]>;
}

export async function startRig(options: BrokerOptions = {}): Promise<Rig> {
  await using started = new AsyncDisposableStack();
  const broker = started.use(await startBroker(options));
  const { bus } = broker;
  await makeDurables(broker.connection, durablesFor(['default'], ['host-2']));
  const hypervisor = createFakeHypervisor();
  const all = started.move();
  return {
    broker,
    bus,
    hypervisor,
    provision: (options = {}) => all.use(provision(options.bus ?? bus, options.hypervisor ?? hypervisor, options)),
    create: (changes) => createTask(bus, changes),
    store: (draft, expectedSeq) => storeEvent(bus, draft, expectedSeq),
    headOf: (task, type) => headOf(bus, task, type),
    eventsOf: (type) => eventsOf(bus, type),
    leaveWarm: (changes) => leaveWarm(hypervisor, changes),
    leaveClaimed: (task, attempt = 1) => leaveClaimedVm(hypervisor, { task, attempt, deadline: inAnHour() }),
    states: () => statesOf(hypervisor),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const inAnHour = () => deadlineFrom(Date.now() + 3_600_000, Date.now());

/** A VM that some provisioner made and left warm. */
export function leaveWarm(hypervisor: FakeHypervisor, changes: Partial<CloneClass> = {}): Promise<VmId> {
  return leaveWarmVm(hypervisor, inAnHour(), changes);
}

export interface Provisioner extends AsyncDisposable {
  /** As SIGTERM does; returns when nothing is in flight. */
  drain(): Promise<void>;
}

export interface ProvisionerOptions {
  readonly max?: number;
  readonly warm?: number;
  readonly host?: string;
  /** Handed every message that another provisioner of the pool has been handed. */
  readonly isRedelivered?: boolean;
  /** Instead of those of the rig. */
  readonly bus?: Bus;
  readonly hypervisor?: FakeHypervisor;
}

/** A provisioner on `host`, with a pool of `max` VMs, `warm` of them kept ready. */
function provision(
  { connection }: Bus,
  hypervisor: FakeHypervisor,
  { max = 4, warm = 0, host = 'host-1', isRedelivered = false }: ProvisionerOptions = {},
): Provisioner {
  const own = createBus(connection, 'vm-task/test', silentLogger, host);
  const bus = isRedelivered ? redelivering(own) : own;
  const config = parseConfig(`pools: { default: { max: ${max}, warm: ${warm} } }`, 'test');
  const [stop, abort] = [new AbortController(), new AbortController()];
  const signals = { stop: stop.signal, abort: abort.signal };
  const log = silentLogger;
  const tellProgress = () => undefined;
  const running = startProvisioner({ bus, hypervisor, config, host, log, tellProgress, ...signals });
  const drain = () => {
    stop.abort(new Error('draining'));
    return running;
  };
  return {
    drain,
    [Symbol.asyncDispose]() {
      abort.abort(new Error('given up'));
      return drain();
    },
  };
}

/** The last event of the task, once it is of that type. */
async function headOf<T extends Stored['type']>(bus: Bus, task: TaskId, type: T): Promise<Stored<T>> {
  const head = await eventually(
    async () => {
      const found = await bus.head({ pool: 'default', task });
      return found?.type === type && found;
    },
    { what: `the task is at ${type}` },
  );
  return head as Stored<T>;
}

/** The last event of that type on each of its subjects. */
async function eventsOf<T extends Stored['type']>(bus: Bus, type: T): Promise<Stored<T>[]> {
  const { streams } = bus.connection.jsm;
  const { state } = await streams.info('EVENTS', { subjects_filter: eventPatterns[type] });
  const lasts = Object.keys(state.subjects ?? {}).map(async (subject) => {
    const message = await streams.getMessage('EVENTS', { last_by_subj: subject });
    return eventAt(bus, message?.seq ?? 0);
  });
  return (await Promise.all(lasts)) as Stored<T>[];
}

async function statesOf(hypervisor: FakeHypervisor): Promise<(readonly [VmId, string])[]> {
  return (await hypervisor.list()).map((state) => [state.record.vm, state.phase] as const);
}

/** The same bus for a second worker: a durable of its own hands it every message too, as a redelivery does. */
function redelivering(bus: Bus): Bus {
  const again = async (row: WorkerRow, { scope }: WorkOptions): Promise<WorkerRow> => {
    const renamed = { ...row, consumer: `again-${row.consumer}` };
    await makeDurables(bus.connection, [consumerFor(renamed, scope)]);
    return renamed;
  };
  return {
    ...bus,
    workEvents: async (row, handle, options) => bus.workEvents(await again(row, options), handle, options),
    workMessages: async (row, handle, options) => bus.workMessages(await again(row, options), handle, options),
  };
}

/** Returns when the VMs of all hypervisors are those, and no others. */
export async function onlyLeft(named: readonly VmId[], ...hypervisors: readonly FakeHypervisor[]): Promise<void> {
  const isSo = async () => {
    const states = (await Promise.all(hypervisors.map(statesOf))).flat();
    const left = new Set(states.map(([vm]) => vm));
    return JSON.stringify([...left].sort()) === JSON.stringify([...named].sort());
  };
  await eventually(isSo, { what: 'the VMs are those that the stream names' });
}
