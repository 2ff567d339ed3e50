/**
 * Who may speak for a task, by the log alone. Every writer, fold and projection asks this one function, so that they all
 * see the same events: whatever else is stored on a task's subjects moves its sequence and never its state.
 */
import { anyHost, type Head, type HostToken, isTaskEnd, typeOf } from './events.ts';
import { manualPool } from './ids.ts';

/** The host of tasks that people answer: no host has anything to say of them, and none has this name. */
const noHost = '';

/** What of a task decides on who may speak next. */
export interface Course {
  readonly phase: 'waiting' | 'working' | 'cancelling' | 'over';
  /** The host that has the attempt's VM, or null. */
  readonly vmHost: HostToken | null;
  /** The host that must run the task, or `any`; empty for one that none runs. */
  readonly boundTo: HostToken;
}

/** Null: the task does not exist yet. */
export function maySpeak(course: Course | null, event: Pick<Head, 'type' | 'host'> & { said?: string }): boolean {
  const type = typeOf(event);
  if (type === 'task.created') return course === null;
  if (course === null || course.phase === 'over') return false;
  // Only control's credentials let it say this.
  if (event.host === anyHost) return true;
  if (type === 'task.retrying' && course.phase === 'cancelling') return false;
  if (course.vmHost !== null) return event.host === course.vmHost && type !== 'vm.ready';
  if (course.boundTo !== anyHost && event.host !== course.boundTo) return false;
  if (type === 'vm.ready') return course.phase === 'waiting';
  return type === 'task.completed' || type === 'task.retrying';
}

/** The course after an event that may speak. */
export function courseAfter(course: Course | null, event: Head): Course {
  if (isTaskEnd(event)) return { vmHost: null, boundTo: anyHost, ...course, phase: 'over' };
  const known = course ?? { phase: 'waiting', vmHost: null, boundTo: boundBy(event) };
  switch (typeOf(event)) {
    case 'vm.ready':
      return { ...known, phase: 'working', vmHost: event.host };
    case 'task.retrying':
      return { ...known, phase: 'waiting', vmHost: null };
    case 'task.cancelling':
      return { ...known, phase: 'cancelling' };
    default:
      return known;
  }
}

function boundBy(event: Head): HostToken {
  return event.type === 'task.created' && event.data.pool === manualPool ? noHost : event.host;
}
