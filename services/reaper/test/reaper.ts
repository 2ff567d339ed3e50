/** Reapers in this process, on a real broker and a hypervisor without machines, with times that tests can wait for. */

import type { Bus } from '@vm-task/bus/bus';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { parseConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import type { Draft, EventData, Head, Stored } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import type { Role } from '@vm-task/shared/roles';
import { vmGoneSubject } from '@vm-task/shared/subjects';
import { type Broker, type BrokerOptions, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor, type FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import * as sample from '@vm-task/testing/sample-events';
import { createTask, leaveClaimedVm, storeEvent } from '@vm-task/testing/tasks-by-hand';
import type { CheckpointStore } from '../src/checkpoint.ts';
import { startReaper } from '../src/start.ts';

export interface ReaperTimes {
  readonly sweep?: string;
  readonly orphanGrace?: string;
  readonly retention?: string;
  readonly maxTasks?: number;
  /** What a runner may take to end a task at its limit; by default nothing, because there is none. */
  readonly patienceMs?: number;
  readonly role?: Role;
  /** By default none: it reads the log from its beginning. */
  readonly checkpoints?: CheckpointStore;
}

export interface ReaperOptions extends ReaperTimes {
  /** Instead of those of the rig. */
  readonly bus?: Bus;
  readonly hypervisor?: Hypervisor;
}

export interface Rig extends AsyncDisposable {
  readonly broker: Broker;
  readonly bus: Bus;
  readonly hypervisor: FakeHypervisor;
  /** One more reaper on `host-1`; given up at the end of the test. */
  reap(options?: ReaperOptions): AsyncDisposable;
  store(draft: Draft, expectedSeq?: number): Promise<Stored>;
  /** A task that somebody has submitted. */
  create(changes?: Partial<EventData<'task.created'>>): Promise<{ task: TaskId; seq: number; time: Date }>;
  /** The same, and it has a VM of this host. `seq` is that of its `vm.ready`. */
  createReady(changes?: Partial<EventData<'task.created'>>): Promise<{ task: TaskId; vm: VmId; seq: number }>;
  /** A VM of this host that was claimed for the task, whatever the log says; past its own deadline in `lifeMs`. */
  claimFor(task: TaskId, claim?: { readonly lifeMs?: number; readonly attempt?: number }): Promise<VmId>;
  head(task: TaskId): Promise<Head | null>;
  endOf(task: TaskId): Promise<Stored<'task.completed'>>;
  /** The VM is said to be gone, and nothing of it is left in the ledger. */
  goneOf(vm: VmId): Promise<void>;
}

export async function startRig(options: BrokerOptions = {}): Promise<Rig> {
  await using started = new AsyncDisposableStack();
  const broker = started.use(await startBroker(options));
  const { bus } = broker;
  const hypervisor = createFakeHypervisor();
  const all = started.move();
  return {
    broker,
    bus,
    hypervisor,
    reap: (own = {}) => all.use(reap(own.bus ?? bus, own.hypervisor ?? hypervisor, own)),
    store: (draft, expectedSeq) => storeEvent(bus, draft, expectedSeq),
    create: (changes) => createTask(bus, changes),
    async createReady(changes) {
      const task = sample.sampleTask();
      return { task, ...(await storeReady(bus, hypervisor, task, sample.created(task, changes))) };
    },
    claimFor: (task, { lifeMs, attempt } = {}) => claimFor(hypervisor, task, lifeMs, attempt),
    head: (task) => bus.head({ pool: 'default', task }),
    endOf: (task) => endOf(bus, task),
    goneOf: (vm) => goneOf(bus, hypervisor, vm),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const nowhere: CheckpointStore = { load: () => null, save: () => undefined };

/** A reaper on `host-1` that sweeps all the time, if nothing else is said. */
export function reap(
  bus: Bus,
  hypervisor: Hypervisor,
  {
    sweep = '50ms',
    orphanGrace = '200ms',
    retention = '30d',
    maxTasks,
    patienceMs = 0,
    role = 'all',
    checkpoints = nowhere,
  }: ReaperTimes = {},
): AsyncDisposable {
  const most = maxTasks === undefined ? '' : `, maxTasks: ${maxTasks}`;
  const text = `reaper: { sweep: ${sweep}, orphanGrace: ${orphanGrace}, retention: ${retention}${most} }`;
  const config = parseConfig(text, 'test');
  const [stop, abort] = [new AbortController(), new AbortController()];
  const signals = { stop: stop.signal, abort: abort.signal };
  const running = startReaper({
    bus,
    hypervisor,
    config,
    patienceMs,
    host: 'host-1',
    role,
    checkpoints,
    log: silentLogger,
    ...signals,
  });
  return {
    [Symbol.asyncDispose]() {
      stop.abort(new Error('draining'));
      abort.abort(new Error('given up'));
      return running;
    },
  };
}

/** A VM that works for the task, past its own deadline in `lifeMs`. */
function claimFor(hypervisor: FakeHypervisor, task: TaskId, lifeMs = 3_600_000, attempt = 1): Promise<VmId> {
  return leaveClaimedVm(hypervisor, { task, attempt, deadline: deadlineFrom(lifeMs, 0) });
}

/** A task that has a VM of this host. */
export async function storeReady(
  bus: Bus,
  hypervisor: FakeHypervisor,
  task: TaskId,
  created: Draft<'task.created'> = sample.created(task),
): Promise<{ vm: VmId; seq: number }> {
  const vm = await claimFor(hypervisor, task);
  const { seq } = await storeEvent(bus, created);
  const ready = await storeEvent(bus, sample.vmReady(task, { vm }), seq);
  return { vm, seq: ready.seq };
}

async function endOf(bus: Bus, task: TaskId): Promise<Stored<'task.completed'>> {
  return eventually(
    async () => {
      const head = await bus.head({ pool: 'default', task });
      return head?.type === 'task.completed' && head;
    },
    { what: 'the task is over' },
  );
}

/** The VM is said to be gone, and nothing of it is left in the ledger. */
export async function goneOf(bus: Bus, hypervisor: Hypervisor, vm: VmId): Promise<void> {
  const { streams } = bus.connection.jsm;
  const subject = vmGoneSubject('default', vm, 'host-1');
  await eventually(() => streams.getMessage('EVENTS', { last_by_subj: subject }), { what: 'it is said to be gone' });
  await eventually(async () => (await hypervisor.find(vm)) === null, { what: 'nothing of it is left' });
}
