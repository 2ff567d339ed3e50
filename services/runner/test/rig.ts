/** A runner on a real broker with a guest on loopback: what the provisioner does is done by the test. */

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Connection } from '@vm-task/bus/connection';
import { makeDurables } from '@vm-task/bus/provision';
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import { parseConfig, type SystemConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { anyHost, type Draft, type EventData, type Stored } from '@vm-task/shared/events';
import { consumerFor, flow } from '@vm-task/shared/flow';
import { type Home, homeAt } from '@vm-task/shared/home';
import type { TaskId } from '@vm-task/shared/ids';
import type { Needs } from '@vm-task/shared/needs';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { ownershipOf } from '@vm-task/shared/people';
import { factsOfLog } from '@vm-task/shared/subjects';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import { type Broker, type BrokerOptions, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { sampleHost } from '@vm-task/testing/sample-events';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { storedIn } from '@vm-task/testing/stored';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { connectBySsh, noConnections } from '../src/guest.ts';
import type { RunnerParts } from '../src/runner-parts.ts';
import { startRunner } from '../src/start.ts';

export type Completed = Stored<'task.completed'>['data'];

export interface RunningRunner extends AsyncDisposable {
  /** Ends it as a drain does whose grace is over; resolves when nothing is in flight. */
  stop(): Promise<void>;
}

export interface Task {
  readonly task: TaskId;
  readonly pool: string;
  readonly ready: Stored<'vm.ready'>;
}

/** How a guest is reached, honest or not. */
export type Reached = Pick<SshGuest, 'access' | 'privateKey'>;

export interface Rig extends AsyncDisposable {
  readonly broker: Broker;
  readonly guest: SshGuest;
  readonly home: Home;
  /** One more runner, on a connection of its own. */
  startRunner(alter?: (parts: RunnerParts) => Partial<RunnerParts>): Promise<RunningRunner>;
  /** Accepts the task file and makes its VM ready: the runner's turn. */
  submit(file: object, driver?: string): Promise<Task>;
  /** As `submit`, with that guest as its VM. */
  submitTo(guest: Reached, file: object): Promise<Task>;
  /** `submit`, of a task of that team. */
  submitFor(team: string, file: object): Promise<Task>;
  cancel(task: Task): Promise<Stored>;
  completed(task: Task): Promise<Completed>;
  /** The task between two attempts. */
  retrying(task: Task): Promise<Stored<'task.retrying'>>;
  /** Its next attempt, in the same guest: what the reaper and the provisioner do. */
  nextAttempt(task: Task): Promise<Task>;
  /** `submit`, and its terminal event; `needs`: what it is given of needed stages. */
  run(file: object, needs?: Needs): Promise<Completed>;
  /** The same, of a task of the team. */
  runFor(team: string, file: object): Promise<Completed>;
  events(task: Task): Promise<Stored[]>;
  /** What its host has written into `LOGS`; thrown when a stream of it has a gap or a repetition. */
  output(task: Task): Promise<Record<'setup' | 'stdout' | 'stderr', Buffer>>;
}

const config: SystemConfig = parseConfig('cancel: { grace: 2s }\nrunner: { maxTasks: 4 }', 'test');

export async function startRig(options: BrokerOptions = {}): Promise<Rig> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await makeTempFolder('runner'));
  const broker = started.use(await startBroker(options));
  const guest = started.use(await startSshGuest());
  const home = homeAt(folder.path);
  const all = started.move();
  const rig: Rig = {
    broker,
    guest,
    home,
    startRunner: (alter = () => ({})) => startOne(broker, home, alter),
    submit: (file, driver) => submit(broker, guest, home, file, { driver }),
    submitTo: (other, file) => submit(broker, other, home, file, {}),
    submitFor: (team, file) => submit(broker, guest, home, file, { team }),
    cancel: (task) => cancel(broker, task),
    completed: (task) => waitForEnd(broker, task),
    retrying: (task) => waitForRetry(broker, task),
    nextAttempt: (task) => nextAttempt(broker, task),
    run: async (file, needs) => waitForEnd(broker, await submit(broker, guest, home, file, { needs })),
    runFor: async (team, file) => waitForEnd(broker, await submit(broker, guest, home, file, { team })),
    events: (task) => readEvents(broker.connection, task),
    output: ({ task }) => readOutput(broker.connection, task),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
  return rig;
}

/** A rig with one runner, which ends with it. */
export async function startRunningRig(): Promise<Rig> {
  const rig = await startRig();
  const runner = await rig.startRunner();
  const end = async () => {
    await runner.stop();
    await rig[Symbol.asyncDispose]();
  };
  return { ...rig, [Symbol.asyncDispose]: end };
}

async function startOne(
  broker: Broker,
  home: Home,
  alter: (parts: RunnerParts) => Partial<RunnerParts>,
): Promise<RunningRunner> {
  const { bus, ...own } = await broker.connect({ host: sampleHost });
  const stop = new AbortController();
  const abort = new AbortController();
  const parts: RunnerParts = {
    bus,
    config,
    home,
    host: sampleHost,
    log: silentLogger,
    stop: stop.signal,
    abort: abort.signal,
    connect: connectBySsh(home, noConnections(), config.drivers),
    isVmAlive: async () => true,
  };
  const running = startRunner({ ...parts, ...alter(parts) });
  const end = async () => {
    stop.abort(new Error('the test drains the runner'));
    abort.abort(new Error('the test ends the runner'));
    await running;
    await own[Symbol.asyncDispose]();
  };
  return { stop: end, [Symbol.asyncDispose]: end };
}

interface Given {
  readonly needs?: Needs | undefined;
  readonly team?: string | undefined;
  readonly driver?: string | undefined;
}

async function submit(
  { bus }: Broker,
  guest: Reached,
  home: Home,
  file: object,
  { needs, team, driver = 'qemu' }: Given,
): Promise<Task> {
  const { pool, spec: planned } = planTask(file, config);
  const spec = needs === undefined ? planned : { ...planned, needs };
  const task = newTaskId(Date.now());
  const vm = newVmId(Date.now());
  const key = home.vm(vm).sshKey;
  await mkdir(dirname(key), { recursive: true });
  await writeFile(key, guest.privateKey, { mode: 0o600 });
  const created = await append(bus, createdDraft(task, pool, spec, team), 0);
  const ready = await append(bus, readyDraft({ ...readyData(task, pool, vm, spec, guest), driver }), created.seq);
  return { task, pool, ready: ready as Stored<'vm.ready'> };
}

function createdDraft(task: TaskId, pool: string, spec: TaskSpec, team?: string): Draft<'task.created'> {
  const cause = { kind: 'command' as const, id: '1' };
  const data = { v: 1 as const, task, pool, spec, cause, ...ownershipOf({ team }) };
  return { type: 'task.created', data, host: anyHost };
}

function readyDraft(data: EventData<'vm.ready'>): Draft<'vm.ready'> {
  return { type: 'vm.ready', data, host: data.host };
}

function readyData(
  task: TaskId,
  pool: string,
  vm: EventData<'vm.ready'>['vm'],
  { size }: TaskSpec,
  { access }: Reached,
): EventData<'vm.ready'> {
  const runtimes = { shell: ['/bin/sh'], perl: ['/usr/bin/perl'] };
  const image = 'test@1';
  const driver = 'qemu';
  return { v: 1, task, pool, attempt: 1, vm, host: sampleHost, driver, image, runtimes, size, access, warm: true };
}

export async function append(bus: Broker['bus'], draft: Draft, expectedSeq: number): Promise<Stored> {
  const appended = await bus.append(draft, expectedSeq, AbortSignal.timeout(20_000));
  if (appended.kind !== 'stored') throw new Error(`${draft.type} was in conflict with ${appended.head?.type}`);
  return appended.event;
}

/** The durable counts its deliveries from one again, and hands everything out once more. */
export async function beginDurableAnew({ broker: { connection } }: Rig): Promise<void> {
  const durable = consumerFor(flow.runnerOnVmReady, { host: sampleHost });
  await connection.jsm.consumers.delete(durable.stream, durable.name);
  await makeDurables(connection, [durable]);
}

async function cancel({ bus }: Broker, { task, pool }: Task): Promise<Stored> {
  const head = await bus.head({ task, pool });
  const data: EventData<'task.cancelling'> = { v: 1, task, pool, attempt: 1, by: 'test', reason: 'because' };
  return append(bus, { type: 'task.cancelling', data, host: sampleHost }, head?.seq ?? 0);
}

async function waitForEnd({ bus }: Broker, { task, pool }: Task): Promise<Completed> {
  const end = await eventually(
    async () => {
      const head = await bus.head({ task, pool });
      return head?.type === 'task.completed' ? head : null;
    },
    { what: 'the task is completed', limitMs: 60_000 },
  );
  return end.data;
}

function waitForRetry({ bus }: Broker, { task, pool }: Task): Promise<Stored<'task.retrying'>> {
  return eventually(
    async () => {
      const head = await bus.head({ task, pool });
      return head?.type === 'task.retrying' ? head : null;
    },
    { what: 'the attempt has failed', limitMs: 60_000 },
  );
}

async function nextAttempt(broker: Broker, task: Task): Promise<Task> {
  const { seq, data } = await waitForRetry(broker, task);
  const ready = await append(broker.bus, readyDraft({ ...task.ready.data, attempt: data.next }), seq);
  return { ...task, ready: ready as Stored<'vm.ready'> };
}

async function readEvents({ jsm }: Connection, task: Task): Promise<Stored[]> {
  const { state } = await jsm.streams.info('EVENTS');
  const found: Stored[] = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const message = await jsm.streams.getMessage('EVENTS', { seq });
    if (message === null) continue;
    const { subject, time, header: headers, data } = message;
    const event = storedIn({ seq, subject, time, headers, data });
    if ('task' in event.data && event.data.task === task.task) found.push(event);
  }
  return found;
}

async function readOutput(
  connection: Connection,
  task: TaskId,
): Promise<Record<'setup' | 'stdout' | 'stderr', Buffer>> {
  const { state } = await connection.jsm.streams.info('LOGS');
  const streams = { setup: Buffer.alloc(0), stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const message = await connection.jsm.streams.getMessage('LOGS', { seq });
    const facts = message === null ? null : factsOfLog(message.subject);
    if (message === null || facts?.task !== task || facts.host !== sampleHost || facts.stream === 'progress') continue;
    const { stream } = facts;
    const offset = Number(message.header.get('vm-task-offset'));
    if (offset !== streams[stream].length)
      throw new Error(`${stream} has ${streams[stream].length} bytes before ${offset}`);
    streams[stream] = Buffer.concat([streams[stream], message.data]);
  }
  return streams;
}
