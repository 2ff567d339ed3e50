/** What the log says of one task, as far as its deadlines go: a fold over its events, and nothing else. */
import { type Course, courseAfter, maySpeak } from '@vm-task/shared/course';
import { type EventData, type Head, isTaskEnd, type Stored, typeOf } from '@vm-task/shared/events';
import type { PipelineId, TaskId, VmId } from '@vm-task/shared/ids';
import { factsOfSubject, type TaskKey } from '@vm-task/shared/subjects';

export interface NamedVm {
  readonly id: VmId;
  readonly host: string;
}

export type Phase =
  | { readonly name: 'queue'; readonly sinceMs: number }
  /** Between two attempts: `sinceMs` is when the next one may begin, and from when on it waits for its VM. */
  | { readonly name: 'retry'; readonly sinceMs: number }
  | { readonly name: 'setup' | 'run'; readonly sinceMs: number; readonly vm: NamedVm }
  | { readonly name: 'cancelling'; readonly sinceMs: number; readonly vm: NamedVm | null }
  /** Something that this version cannot read: only the task's total time is sure. */
  | { readonly name: 'unknown'; readonly sinceMs: number; readonly vm: NamedVm | null };

interface KnownTask {
  readonly pool: string;
  readonly task: TaskId;
  /** Every VM that worked for it, and every other of which a host says so: what each has left is forgotten one day. */
  readonly vms: readonly NamedVm[];
  /** The pipeline of which it is a stage. */
  readonly partOf: PipelineId | null;
}

export interface LiveTask extends KnownTask {
  readonly kind: 'live';
  readonly attempt: number;
  /** Of its last event that counts. */
  readonly headSeq: number;
  /** Who may speak for it. */
  readonly course: Course;
  readonly createdMs: number;
  /** Its VM may be another task's after it, and is forgotten with that one. */
  readonly keepsVm: boolean;
  readonly timeouts: EventData<'task.created'>['spec']['timeouts'];
  readonly phase: Phase;
}

export interface EndedTask extends KnownTask {
  readonly kind: 'ended';
  /** False where there is nothing but the end: it was purged but for that, or somebody has said so in advance. */
  readonly hasBegun: boolean;
  readonly endedMs: number;
}

export type TaskView = LiveTask | EndedTask;

/** The task that an event is about, whatever it says; null for an event of something else. */
export function taskOf(event: Head): TaskKey | null {
  const about = factsOfSubject(event.subject)?.about;
  return about !== undefined && 'task' in about ? about : null;
}

/**
 * The task after one more event on its subjects; null for one that the log no longer knows. Whoever may not speak for it
 * changes nothing.
 */
export function foldTask(view: TaskView | null, event: Head): TaskView | null {
  if (event.type === 'vm.gone') return view === null ? null : withVm(view, { id: event.data.vm, host: event.host });
  const key = taskOf(event);
  if (key === null || (view?.kind === 'ended' && view.hasBegun)) return view;
  const task = view?.kind === 'live' ? view : null;
  if (task === null && isTaskEnd(event)) return view ?? end(null, key, event);
  const before = task?.course ?? null;
  if (!maySpeak(before, event)) return view;
  if (isTaskEnd(event)) return end(task, key, event);
  const course = courseAfter(before, event);
  if (event.type === 'task.created') return begin(event, course);
  // Nothing can be said of a task whose beginning cannot be read here.
  return task === null ? view : advance({ ...task, course }, event);
}

/** The VM that the task has now, or null. */
export function vmOf({ phase }: LiveTask): NamedVm | null {
  return 'vm' in phase ? phase.vm : null;
}

function begin({ data, seq, time }: Stored<'task.created'>, course: Course): LiveTask {
  const { pool, task, spec, stage } = data;
  const createdMs = time.getTime();
  const phase = { name: 'queue', sinceMs: createdMs } as const;
  const { timeouts, keep } = spec;
  const known = { pool, task, vms: [], partOf: stage?.pipeline ?? null };
  const more = { createdMs, keepsVm: keep !== undefined, timeouts, phase };
  return { kind: 'live', ...known, attempt: 1, headSeq: seq, course, ...more };
}

function advance(view: LiveTask, event: Head): LiveTask {
  const sinceMs = event.time.getTime();
  const headSeq = event.seq;
  switch (event.type) {
    case 'vm.ready': {
      const vm = { id: event.data.vm, host: event.host };
      return { ...withVm(view, vm), attempt: event.data.attempt, headSeq, phase: { name: 'setup', sinceMs, vm } };
    }
    case 'task.resumed':
      return { ...view, headSeq };
    case 'task.setup.done':
      // Beside the others: it moves the task on, and the last event stays.
      return view.phase.name === 'setup' ? { ...view, phase: { ...view.phase, name: 'run', sinceMs } } : view;
    case 'task.retrying': {
      const { next, notBefore } = event.data;
      return { ...view, attempt: next, headSeq, phase: { name: 'retry', sinceMs: Date.parse(notBefore) } };
    }
    case 'task.cancelling':
      return { ...view, headSeq, phase: { name: 'cancelling', sinceMs, vm: vmOf(view) } };
    case 'unknown': {
      const vm = view.course.vmHost === null ? null : vmOf(view);
      const isBeside = typeOf(event) === 'task.setup.done';
      return { ...view, headSeq: isBeside ? view.headSeq : headSeq, phase: { name: 'unknown', sinceMs, vm } };
    }
    default:
      return view;
  }
}

function end(view: LiveTask | null, { pool, task }: TaskKey, event: Head): EndedTask {
  const known = { pool, task, vms: view?.vms ?? [], partOf: view?.partOf ?? null };
  const ended: EndedTask = { kind: 'ended', ...known, hasBegun: view !== null, endedMs: event.time.getTime() };
  const id = event.type === 'task.completed' ? event.data.vm : null;
  // Who had it last is said when it is gone.
  if (view?.keepsVm === true) return { ...ended, vms: ended.vms.filter((one) => one.id !== id) };
  return id === null ? ended : withVm(ended, { id, host: event.host });
}

function withVm<T extends TaskView>(view: T, vm: NamedVm): T {
  const isKnown = view.vms.some(({ id, host }) => id === vm.id && host === vm.host);
  return isKnown ? view : { ...view, vms: [...view.vms, vm] };
}
