/**
 * The promises, checked after every step against the whole truth that no service has: what the broker stored, what
 * the ledger and the host have, what ran in the guests. Named as in ARCHITECTURE.md.
 */

import { decode, type RawMessage } from '@vm-task/bus/envelope';
import { readRetryDue } from '@vm-task/bus/retry-timer';
import type { Head, Stored } from '@vm-task/shared/events';
import type { PipelineId, TaskId, VmId } from '@vm-task/shared/ids';
import { isPipelineEvent, type TaskEventType } from '@vm-task/shared/subjects';
import { storedIn } from '@vm-task/testing/stored';
import type { StoredMessage } from './broker/stream.ts';
import { ChildrenKept } from './children-kept.ts';
import type { Guests } from './guest.ts';
import type { Ledger } from './ledger.ts';
import { LimitsKept } from './limits-kept.ts';
import type { Observations } from './observations.ts';
import { OrderKept } from './order-kept.ts';
import { PipelinesKept } from './pipelines-kept.ts';
import { noteEnding, noteResumption, type SeenTask } from './seen-of-tasks.ts';
import { StoredOutput } from './stored-output.ts';

export interface Limits {
  readonly poolMax: number;
  readonly hostMax: number;
}

export class Properties {
  readonly #observations: Observations;
  readonly #tasks = new Map<string, SeenTask>();
  readonly #vmOf = new Map<VmId, TaskId>();
  readonly #hostOf = new Map<VmId, string>();
  readonly #gone = new Set<VmId>();
  readonly #order: OrderKept;
  readonly #limits: LimitsKept;
  readonly #output: StoredOutput;
  readonly pipelines: PipelinesKept;
  readonly #children: ChildrenKept;
  /** The waits that somebody has asked the broker to end, or has ended, by the sequence of their event. */
  readonly #timed = new Set<number>();

  constructor(observations: Observations) {
    this.#observations = observations;
    this.#order = new OrderKept(observations);
    this.#limits = new LimitsKept(observations);
    this.#output = new StoredOutput(observations);
    this.pipelines = new PipelinesKept(observations);
    this.#children = new ChildrenKept(observations);
  }

  get tasks(): readonly SeenTask[] {
    return [...this.#tasks.values()];
  }

  get goneVms(): ReadonlySet<VmId> {
    return this.#gone;
  }

  /** I1: a yes that was said must have been true when it was. */
  accepted(id: TaskId | PipelineId): void {
    if (!this.has(id)) this.#observations.broken('I1', `${id} is said to be accepted, and is not stored`);
  }

  /** Created, as a task or as a pipeline. */
  has(id: TaskId | PipelineId): boolean {
    return this.#tasks.has(id) || this.pipelines.has(id);
  }

  /** True for what is known to be no part of a pipeline. */
  isPlain(task: TaskId): boolean {
    const found = this.#tasks.get(task);
    return found !== undefined && found.created.data.stage === undefined;
  }

  onStored(stream: string, message: StoredMessage, guests: Guests): void {
    this.#observations.trace(`stored ${stream} ${message.seq} ${message.subject}`);
    if (stream === 'LOGS') this.#output.onStored(message, (task) => this.#tasks.get(task)?.created ?? null);
    if (stream === 'TIMERS') this.#onTimer(message);
    if (stream !== 'EVENTS') return;
    const event = storedIn(rawOf(message));
    if (isPipelineEvent(event)) this.pipelines.onEvent(event);
    else if (event.type === 'vm.gone') this.#onGone(event);
    else if (event.type === 'task.setup.done') this.#onSetUp(event);
    else if (event.type !== 'alert.raised') this.#onStreamEvent(event, guests);
  }

  /** Somebody goes on with the attempt of whom nobody here knows more than that. */
  onLaterVersion({ eventStream }: SeenTask, message: StoredMessage): void {
    const decoded = decode(rawOf(message));
    if (decoded.kind === 'event') eventStream.push({ ...decoded.event, before: eventStream.at(-1) } as Head);
    this.#observations.trace(`stored EVENTS ${message.seq} ${message.subject} by a later version`);
    this.#observations.sometimes('a later version went on with an attempt');
  }

  #onSetUp(event: Stored<'task.setup.done'>): void {
    this.#requireExpectedSeq(event);
    const task = this.#tasks.get(event.data.task);
    if (task !== undefined) task.setUp = event;
  }

  #onStreamEvent(event: Stored<Exclude<TaskEventType, 'task.setup.done'>>, guests: Guests): void {
    const { task } = event.data;
    const found = this.#tasks.get(task);
    if (event.type === 'task.created') {
      if (found !== undefined) this.#observations.broken('I2', `${task} was created twice`);
      this.pipelines.onTaskCreated(event);
      this.#children.onTaskCreated(event, this.#tasks.get(event.data.cause.id)?.created ?? null);
      this.#tasks.set(task, {
        created: event,
        eventStream: [event],
        vms: [],
        ready: null,
        setUp: null,
        completed: null,
      });
      return;
    }
    if (found === undefined) {
      this.#observations.broken('I1', `${event.type} of ${task}, which was never created`);
      return;
    }
    this.#requireExpectedSeq(event);
    this.#order.require(event, found.eventStream);
    found.eventStream.push(event);
    if (event.type === 'vm.ready') this.#onReady(event, found);
    if (event.type === 'task.retrying') this.#onRetrying(event, found);
    if (event.type === 'task.completed') this.#onCompleted(event, found, guests);
    noteResumption(this.#observations, found);
  }

  /** I10: the event's id names the sequence that its decision was made on; that must have been the last of the event stream. */
  #requireExpectedSeq(event: Stored<TaskEventType>): void {
    const head = this.#tasks.get(event.data.task)?.eventStream.at(-1);
    const expectedSeq = Number(event.id.split('/').at(-2));
    if (head?.seq !== expectedSeq) {
      this.#observations.broken(
        'I10',
        `${event.type} of ${event.data.task} was decided on ${expectedSeq}, the head is ${head?.seq}`,
      );
    }
  }

  /** No VM works for two. */
  #onReady(event: Stored<'vm.ready'>, task: SeenTask): void {
    task.ready = event;
    const { vm, attempt } = event.data;
    task.vms.push(vm);
    if (attempt === 3) this.#observations.sometimes('a third attempt was made');
    const other = this.#vmOf.get(vm);
    if (other !== undefined) this.#observations.broken('I3', `${vm} is ${event.data.task}'s, and was ${other}'s`);
    this.#vmOf.set(vm, event.data.task);
    this.#onHost(event, task);
    this.#observations.sometimes(event.data.warm ? 'a warm VM was used' : 'a VM was made for a task');
  }

  #onHost({ data: { vm, host, attempt } }: Stored<'vm.ready'>, { vms }: SeenTask): void {
    this.#hostOf.set(vm, host);
    if (new Set(this.#hostOf.values()).size > 1) this.#observations.sometimes('two hosts shared a pool');
    if (attempt > 1 && vms.some((one) => this.#hostOf.get(one) !== host)) {
      this.#observations.sometimes('another host made the next attempt');
    }
  }

  /** I6: it releases the VM that the attempt had. */
  #onRetrying({ data }: Stored<'task.retrying'>, task: SeenTask): void {
    this.pipelines.onTaskRetrying(data.task);
    this.#observations.sometimes('a failed attempt was followed by another');
    if (data.error.code === 'vm-lost') {
      this.#observations.sometimes('an attempt whose VM was lost was followed by another');
    }
    const { maxAttempts } = task.created.data.spec.retry;
    if (data.next !== data.attempt + 1 || data.next > maxAttempts) {
      this.#observations.broken('I3', `attempt ${data.next} of ${data.task} follows ${data.attempt} of ${maxAttempts}`);
    }
    const named = task.ready?.data.vm ?? null;
    if (data.vm !== named) {
      this.#observations.broken('I6', `attempt ${data.attempt} of ${data.task} releases ${data.vm}, not ${named}`);
    }
    task.ready = null;
    task.setUp = null;
  }

  #onTimer(message: StoredMessage): void {
    const due = readRetryDue(rawOf(message));
    if (due.kind === 'due') this.#timed.add(due.retrying);
    const isFired = message.headers.has('Nats-Scheduler') || message.headers.has('Nats-Schedule');
    if (!isFired) this.#observations.sometimes('a wait for another attempt was ended by the sweep');
  }

  #onCompleted(event: Stored<'task.completed'>, task: SeenTask, guests: Guests): void {
    task.completed = event;
    this.pipelines.onTaskCompleted(event);
    noteEnding(this.#observations, event, task);
    this.#limits.onCompleted(event, task);
    const { outcome, vm, attempt } = event.data;
    const named = task.ready?.data.vm ?? null;
    if (named !== null && vm !== named)
      this.#observations.broken('I6', `the ending of ${event.data.task} releases ${vm}, not ${named}`);
    if (outcome !== 'succeeded' || vm === null) return;
    const end = guests.endOf(vm, `${event.data.task}-${attempt}-main`);
    if (end?.exitCode !== 0 || end.isStopped)
      this.#observations.broken('I9', `${event.data.task} succeeded, and its process did not`);
    this.#output.requireWhole(task.created, attempt, event.host);
  }

  #onGone({ data }: Stored<'vm.gone'>): void {
    if (this.#gone.has(data.vm)) this.#observations.broken('I3', `${data.vm} is said to be gone twice`);
    this.#gone.add(data.vm);
    const host = this.#hostOf.get(data.vm) ?? data.host;
    if (data.host !== host) this.#observations.broken('I6', `${data.host} reports ${data.vm}, which is ${host}'s`);
  }

  /** I4: what follows from a message is stored before it is acknowledged. */
  onAck(durable: string, message: StoredMessage): void {
    const [about, what, , task = ''] = message.subject.split('.');
    if (durable.startsWith('intake-') && this.pipelines.isAckedEarly(message.subject, message.seq, this.#isEnding)) {
      this.#ackedEarly(durable, message);
    }
    if (this.#children.isAckedEarly(durable, message, this.#isEnding)) this.#ackedEarly(durable, message);
    const found = this.#tasks.get(task);
    if (found === undefined) return;
    const head = found.eventStream.at(-1);
    const isLast = head?.seq === message.seq;
    const isEarly: Readonly<Record<string, () => boolean>> = {
      'task.created': () => isLast,
      'vm.ready': () => !hasEnded(found, message.seq),
      'task.retrying': () => isLast && !this.#timed.has(message.seq) && durable.startsWith('reaper-'),
      'due.retry': () => head?.type === 'task.retrying' && isDueOf(message, head.seq),
      'task.cancelling': () => durable.startsWith('reaper-') && found.completed === null && found.ready === null,
    };
    if (isEarly[`${about}.${what}`]?.() === true) this.#ackedEarly(durable, message);
  }

  /** Whatever is said behind it. */
  readonly #isEnding = (task: TaskId) =>
    this.#tasks.get(task)?.eventStream.some(({ type }) => type === 'task.cancelling' || type === 'task.completed') ===
    true;

  #ackedEarly(durable: string, { subject, seq }: StoredMessage): void {
    this.#observations.broken('I4', `${durable} acknowledged ${seq} (${subject}) before anything followed from it`);
  }

  /** I5, I13: after every step, nothing is there that the ledger does not know, and no more than may be. */
  onStep(ledger: Ledger, limits: Limits): void {
    const known = new Set(ledger.states.map(({ record }) => record.vm));
    const unknown = ledger.machines.find((vm) => !known.has(vm));
    if (unknown !== undefined) this.#observations.broken('I5', `${unknown} runs and is in no ledger`);
    const machines = ledger.machines.length;
    if (ledger.states.length > limits.hostMax || machines > limits.hostMax) {
      this.#observations.broken(
        'I13',
        `${ledger.states.length} VMs in the ledger and ${machines} on the host, of ${limits.hostMax}`,
      );
    }
  }
}

/** True when the attempt that began so is over. */
function hasEnded({ eventStream }: SeenTask, ready: number): boolean {
  return eventStream.some(({ seq, type }) => seq > ready && (type === 'task.retrying' || type === 'task.completed'));
}

function rawOf({ seq, subject, headers, data, timeMs }: StoredMessage): RawMessage {
  return { seq, subject, headers, data, time: new Date(timeMs) };
}

function isDueOf(message: StoredMessage, retrying: number): boolean {
  const due = readRetryDue(rawOf(message));
  return due.kind === 'due' && due.retrying === retrying;
}
