/**
 * The promises, checked after every step against the whole truth that no service has: what the broker stored, what
 * the ledger and the host have, what ran in the guests. Named as in ARCHITECTURE.md.
 */
import { unseal } from '@vm-task/shared/bus/envelope';
import type { EventType, Stored } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import { subjectMatches } from '@vm-task/shared/subjects';
import type { Broker } from './broker/broker.ts';
import type { Publication, StoredMessage } from './broker/stream.ts';
import type { Guests } from './guest.ts';
import { outputOf, readProgram } from './guest.ts';
import type { Ledger } from './ledger.ts';
import type { Observations } from './observations.ts';
import { isSometimes, type Sometimes } from './sometimes.ts';

/** What may follow what on a spine. */
const followers: Readonly<Partial<Record<EventType, readonly EventType[]>>> = {
  'task.created': ['vm.ready', 'task.cancelling', 'task.completed'],
  'vm.ready': ['task.resumed', 'task.cancelling', 'task.completed'],
  'task.resumed': ['task.resumed', 'task.cancelling', 'task.completed'],
  'task.cancelling': ['task.completed'],
  'task.completed': [],
};

export interface SeenTask {
  readonly created: Stored<'task.created'>;
  readonly spine: Stored[];
  readonly resumptions: number;
  ready: Stored<'vm.ready'> | null;
  completed: Stored<'task.completed'> | null;
}

export interface Limits {
  readonly poolMax: number;
  readonly hostMax: number;
}

export class Properties {
  readonly #observations: Observations;
  readonly #tasks = new Map<string, SeenTask>();
  readonly #vmOf = new Map<VmId, TaskId>();
  readonly #gone = new Set<VmId>();
  readonly #output = new Map<string, number>();
  readonly #accepted = new Map<string, string>();

  constructor(observations: Observations) {
    this.#observations = observations;
  }

  get tasks(): readonly SeenTask[] {
    return [...this.#tasks.values()];
  }

  get goneVms(): ReadonlySet<VmId> {
    return this.#gone;
  }

  /** I1: a yes that was said must have been true when it was. */
  accepted(task: TaskId, how: string): void {
    this.#accepted.set(task, how);
    if (!this.#tasks.has(task)) this.#observations.broken('I1', `${how} accepted ${task}, which is not stored`);
  }

  onStored(stream: string, message: StoredMessage, guests: Guests): void {
    this.#observations.trace(`stored ${stream} ${message.seq} ${message.subject}`);
    if (stream === 'LOGS') this.#onOutput(message);
    if (stream !== 'EVENTS') return;
    const { seq, subject, headers, data, timeMs } = message;
    const event = unseal({ seq, subject, headers, data, time: new Date(timeMs) });
    if (event.type === 'vm.gone') this.#onGone(event);
    else if (event.type === 'task.setup.done') this.#requireFence(event);
    else if (event.type !== 'alert.raised') this.#onSpine(event, guests);
  }

  #onSpine(event: Exclude<Stored, Stored<'vm.gone' | 'alert.raised' | 'task.setup.done'>>, guests: Guests): void {
    const { task } = event.data;
    const found = this.#tasks.get(task);
    if (event.type === 'task.created') {
      if (found !== undefined) this.#observations.broken('I2', `${task} was created twice`);
      this.#tasks.set(task, { created: event, spine: [event], resumptions: 0, ready: null, completed: null });
      return;
    }
    if (found === undefined) {
      this.#observations.broken('I1', `${event.type} of ${task}, which was never created`);
      return;
    }
    this.#requireFence(event);
    const head = found.spine.at(-1);
    if (head !== undefined && followers[head.type]?.includes(event.type) !== true) {
      const promise = event.type === 'task.completed' ? 'I2' : 'I3';
      this.#observations.broken(promise, `${event.type} follows ${head.type} on the spine of ${task}`);
    }
    found.spine.push(event);
    if (event.type === 'vm.ready') this.#onReady(event, found);
    if (event.type === 'task.completed') this.#onCompleted(event, found, guests);
    this.#noteResumption(found);
  }

  /** I10: the event's id names the sequence that its decision was made on; that must have been the spine's last. */
  #requireFence(event: Exclude<Stored, Stored<'vm.gone' | 'alert.raised'>>): void {
    const head = this.#tasks.get(event.data.task)?.spine.at(-1);
    const fence = Number(event.id.split('/').at(-1));
    if (head?.seq !== fence) {
      this.#observations.broken(
        'I10',
        `${event.type} of ${event.data.task} was decided on ${fence}, the head is ${head?.seq}`,
      );
    }
  }

  /** No VM works for two. */
  #onReady(event: Stored<'vm.ready'>, task: SeenTask): void {
    task.ready = event;
    const { vm } = event.data;
    const other = this.#vmOf.get(vm);
    if (other !== undefined) this.#observations.broken('I3', `${vm} is ${event.data.task}'s, and was ${other}'s`);
    this.#vmOf.set(vm, event.data.task);
    this.#observations.sometimes(event.data.warm ? 'a warm VM was used' : 'a VM was made for a task');
  }

  #onCompleted(event: Stored<'task.completed'>, task: SeenTask, guests: Guests): void {
    task.completed = event;
    const { outcome, error, vm, attempt, exitCode } = event.data;
    const ending = `ended: ${error?.code}`;
    if (isSometimes(ending)) this.#observations.sometimes(ending);
    if (outcome === 'succeeded') this.#observations.sometimes('a task succeeded');
    if (outcome === 'failed' && exitCode !== null) this.#observations.sometimes('a task failed by its exit code');
    if (outcome === 'cancelled') {
      const when =
        task.ready === null ? 'a task was cancelled before a VM was ready' : 'a task was cancelled while it ran';
      this.#observations.sometimes(when);
    }
    const named = task.ready?.data.vm ?? null;
    if (named !== null && vm !== named)
      this.#observations.broken('I6', `the ending of ${event.data.task} releases ${vm}, not ${named}`);
    if (outcome !== 'succeeded' || vm === null) return;
    const end = guests.endOf(vm, `${event.data.task}-${attempt}-main`);
    if (end?.exitCode !== 0 || end.isStopped)
      this.#observations.broken('I9', `${event.data.task} succeeded, and its process did not`);
    this.#requireWholeOutput(task);
  }

  #noteResumption({ spine }: SeenTask): void {
    const resumed = spine.filter(({ type }) => type === 'task.resumed').length;
    if (resumed > 0) this.#observations.sometimes('an attempt was resumed');
    if (resumed > 1) this.#observations.sometimes('an attempt was resumed twice');
    const cancelled = spine.some(({ type }) => type === 'task.cancelling');
    if (resumed > 0 && cancelled) this.#observations.sometimes('an attempt was cancelled and resumed');
  }

  #onGone({ data }: Stored<'vm.gone'>): void {
    if (this.#gone.has(data.vm)) this.#observations.broken('I3', `${data.vm} is said to be gone twice`);
    this.#gone.add(data.vm);
  }

  /** I8: output without a gap or a repetition, and byte for byte what the process wrote. */
  #onOutput({ subject, headers, data }: StoredMessage): void {
    const offset = Number(headers.get('vm-task-offset'));
    const before = this.#output.get(subject) ?? 0;
    if (offset !== before) {
      this.#observations.broken('I8', `${subject} goes on at ${offset} behind ${before}`);
      return;
    }
    this.#output.set(subject, before + data.length);
    const [, task = '', attempt, stream] = subject.split('.');
    const created = this.#tasks.get(task)?.created;
    if (created === undefined) return;
    const expected = expectedOutput(created, `${task}-${attempt}`, stream as 'setup');
    if (!expected.subarray(offset, offset + data.length).equals(data)) {
      this.#observations.broken('I8', `${subject} has other bytes at ${offset} than the process wrote`);
    }
  }

  #requireWholeOutput({ created, completed }: SeenTask): void {
    if (completed === null) return;
    const { task, attempt } = completed.data;
    for (const stream of ['setup', 'stdout', 'stderr'] as const) {
      const expected = expectedOutput(created, `${task}-${attempt}`, stream).length;
      const stored = this.#output.get(`log.${task}.${attempt}.${stream}`) ?? 0;
      if (stored !== expected)
        this.#observations.broken('I8', `${task} has ${stored} bytes of ${stream}, and wrote ${expected}`);
    }
  }

  /** I4: what follows from a message is stored before it is acknowledged. */
  onAck(durable: string, message: StoredMessage, broker: Broker): void {
    const [about, what, pool, task] = message.subject.split('.');
    if (task === undefined) return;
    const head = broker.stream('EVENTS').lastOf(`*.*.${pool}.${task}`);
    const isOver = head !== null && subjectMatches('task.completed.*.*', head.subject);
    const isFirst = head?.seq === message.seq;
    const type = `${about}.${what}`;
    if (type === 'task.created' && isFirst) this.#ackedEarly(durable, message);
    if (type === 'vm.ready' && !isOver) this.#ackedEarly(durable, message);
    if (type === 'task.cancelling' && !isOver && this.#tasks.get(task)?.ready === null)
      this.#ackedEarly(durable, message);
  }

  #ackedEarly(durable: string, { subject, seq }: StoredMessage): void {
    this.#observations.broken('I4', `${durable} acknowledged ${seq} (${subject}) before anything followed from it`);
  }

  /** I13: capacity, after every step. */
  onStep(ledger: Ledger, limits: Limits): void {
    const machines = ledger.machines.length;
    if (ledger.states.length > limits.hostMax || machines > limits.hostMax) {
      this.#observations.broken(
        'I13',
        `${ledger.states.length} VMs in the ledger and ${machines} on the host, of ${limits.hostMax}`,
      );
    }
  }
}

export function noteNotStored(
  observations: Observations,
  answer: 'refused' | 'duplicate',
  { subject, msgId }: Publication,
  last: StoredMessage | null,
): void {
  if (msgId !== null && last?.headers.get('Nats-Msg-Id') === msgId) {
    observations.sometimes('an undecided append had landed');
  }
  observations.sometimes(answer === 'duplicate' ? 'an append was a duplicate' : whatWasRefused(subject));
}

function whatWasRefused(subject: string): Sometimes {
  if (subject.startsWith('log.')) return 'output of a stale writer was refused';
  if (subject.startsWith('task.completed.')) return 'an ending was refused';
  return subject.startsWith('vm.ready.') ? 'vm.ready was refused' : 'another append was refused';
}

function expectedOutput(
  { data }: Stored<'task.created'>,
  attempt: string,
  stream: 'setup' | 'stdout' | 'stderr',
): Buffer {
  const { main, setup } = data.spec;
  if (stream !== 'setup') {
    const program = readProgram(main.kind === 'command' ? main.argv.join(' ') : main.script);
    return outputOf(`${attempt}-main`, stream, program);
  }
  const steps = setup.map((step, index) => [
    Buffer.from(`# setup ${index + 1} of ${setup.length}: run\n`),
    outputOf(`${attempt}-setup-${index + 1}`, 'stdout', readProgram(step.kind === 'run' ? step.script : '')),
  ]);
  return Buffer.concat(steps.flat());
}
