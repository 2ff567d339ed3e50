/** What the log says of one task, as far as its deadlines go: a fold over its events, and nothing else. */
import { type Course, courseAfter, maySpeak } from '@vm-task/shared/course';
import { type EventData, type Head, isTaskEnd, type Stored, typeOf } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';
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

/** A task that has begun and has not ended. Plain JSON, so that it can be kept as such. */
export interface LiveTask {
  readonly pool: string;
  readonly task: TaskId;
  readonly attempt: number;
  /** Of its last event that counts. */
  readonly headSeq: number;
  /** Who may speak for it. */
  readonly course: Course;
  readonly createdMs: number;
  readonly timeouts: EventData<'task.created'>['spec']['timeouts'];
  readonly phase: Phase;
  /** Something of it could not be read here. */
  readonly hasUnknown: boolean;
}

/** The task that an event is about, whatever it says; null for an event of something else. */
export function taskOf(event: Head): TaskKey | null {
  const about = factsOfSubject(event.subject)?.about;
  return about !== undefined && 'task' in about ? about : null;
}

/**
 * The task after one more event on its subjects; null for one that has not begun or is over. Whoever may not speak for it
 * changes nothing.
 */
export function foldTask(view: LiveTask | null, event: Head): LiveTask | null {
  if (taskOf(event) === null || !maySpeak(view?.course ?? null, event)) return view;
  if (isTaskEnd(event)) return null;
  const course = courseAfter(view?.course ?? null, event);
  if (event.type === 'task.created') return begin(event, course);
  // Nothing can be said of a task whose beginning cannot be read here.
  return view === null ? null : advance({ ...view, course }, event);
}

/** The VM that the task has now, or null. */
export function vmOf({ phase }: LiveTask): NamedVm | null {
  return 'vm' in phase ? phase.vm : null;
}

function begin({ data, seq, time }: Stored<'task.created'>, course: Course): LiveTask {
  const { pool, task, spec } = data;
  const createdMs = time.getTime();
  const phase = { name: 'queue', sinceMs: createdMs } as const;
  const { timeouts } = spec;
  return { pool, task, attempt: 1, headSeq: seq, course, createdMs, timeouts, phase, hasUnknown: false };
}

function advance(view: LiveTask, event: Head): LiveTask {
  const sinceMs = event.time.getTime();
  const headSeq = event.seq;
  switch (event.type) {
    case 'vm.ready': {
      const vm = { id: event.data.vm, host: event.host };
      return { ...view, attempt: event.data.attempt, headSeq, phase: { name: 'setup', sinceMs, vm } };
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
      const head = isBeside ? view.headSeq : headSeq;
      return { ...view, headSeq: head, phase: { name: 'unknown', sinceMs, vm }, hasUnknown: true };
    }
    default:
      return view;
  }
}
