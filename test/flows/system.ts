/**
 * Provisioner, runner and reaper as they work together, in this process: on a real broker, with a hypervisor that has
 * no machines, whose every VM is one sshd on the loopback.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Image } from '@vm-task/hypervisor/images/image';
import { startProvisioner } from '@vm-task/provisioner/start';
import { startReaper } from '@vm-task/reaper/start';
import { connectBySsh } from '@vm-task/runner/guest';
import { startRunner } from '@vm-task/runner/start';
import { parseConfig } from '@vm-task/shared/config';
import type { Stored } from '@vm-task/shared/events';
import { homeAt } from '@vm-task/shared/home';
import { newTaskId, type TaskId } from '@vm-task/shared/ids';
import { silentLogger } from '@vm-task/shared/log';
import { planTask } from '@vm-task/shared/task-spec';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor, type FakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { makeTempFolder } from '@vm-task/testing/temp-folder';

const config = parseConfig('pools: { default: { max: 4, warm: 1 } }\nreaper: { sweep: 200ms }', 'test');

const image = {
  ref: { name: 'python', version: '3.2.0' },
  runtimes: { shell: ['/bin/sh', '-eu'] },
} as unknown as Image;

export interface System extends AsyncDisposable {
  readonly broker: Broker;
  readonly guest: SshGuest;
  readonly hypervisor: FakeHypervisor;
  submit(file: object): Promise<TaskId>;
  /** The task's head, once it is of that type. */
  headOf<T extends Stored['type']>(task: TaskId, type: T): Promise<Stored<T>>;
  /** Every event that names the task, in order. */
  eventsOf(task: TaskId): Promise<Stored[]>;
}

/** `copies` of each service, each on a connection of its own. */
export async function startSystem({ copies = 1 } = {}): Promise<System> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await makeTempFolder('flows'));
  const broker = started.use(await startBroker());
  const guest = started.use(await startSshGuest());
  const hypervisor = createFakeHypervisor({ access: guest.access });
  for (let copy = 0; copy < copies; copy++) started.use(await startServices(broker, guest, hypervisor, folder.path));
  const all = started.move();
  return {
    broker,
    guest,
    hypervisor,
    submit: (file) => submit(broker, file),
    headOf: (task, type) => headOf(broker, task, type),
    eventsOf: (task) => eventsOf(broker, task),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function startServices(
  broker: Broker,
  guest: SshGuest,
  hypervisor: FakeHypervisor,
  folder: string,
): Promise<AsyncDisposable> {
  const { bus, ...connection } = await broker.connect();
  const home = homeAt(folder);
  const [stop, abort] = [new AbortController(), new AbortController()];
  const shared = { bus, config, hypervisor, host: 'host-1', log: silentLogger, stop: stop.signal, abort: abort.signal };
  const bySsh = connectBySsh(home);
  const running = Promise.all([
    startProvisioner({ ...shared, images: { ensure: async () => image }, tellProgress: () => undefined }),
    startReaper(shared),
    startRunner({
      ...shared,
      home,
      isVmAlive: (vm) => hypervisor.isAlive(vm),
      async connect(ready, signal) {
        const key = home.vm(ready.vm).sshKey;
        await mkdir(dirname(key), { recursive: true });
        await writeFile(key, guest.privateKey, { mode: 0o600 });
        return bySsh(ready, signal);
      },
    }),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('draining'));
      abort.abort(new Error('given up'));
      await running;
      await connection[Symbol.asyncDispose]();
    },
  };
}

async function submit({ bus }: Broker, file: object): Promise<TaskId> {
  const task = newTaskId(Date.now());
  const data = { v: 1 as const, task, ...planTask(file, config), cause: { kind: 'http' as const, id: 'test' } };
  await bus.append({ type: 'task.created', data }, 0, AbortSignal.timeout(20_000));
  return task;
}

async function headOf<T extends Stored['type']>({ bus }: Broker, task: TaskId, type: T): Promise<Stored<T>> {
  const head = await eventually(
    async () => {
      const found = await bus.head({ pool: 'default', task }).catch(() => null);
      return found?.type === type && found;
    },
    { what: `the task is at ${type}`, limitMs: 60_000 },
  );
  return head as Stored<T>;
}

async function eventsOf({ bus, connection }: Broker, task: TaskId): Promise<Stored[]> {
  const { state } = await connection.jsm.streams.info('EVENTS');
  const all = await Promise.all(Array.from({ length: state.last_seq }, (_, index) => bus.eventAt(index + 1)));
  return all.filter((event) => event !== null && 'task' in event.data && event.data.task === task) as Stored[];
}
