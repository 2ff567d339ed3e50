/** I2, I3, I9: what may follow what among the events of one task. */
import { attemptAt } from '@vm-task/shared/attempt-at';
import type { EventType, Head, Stored } from '@vm-task/shared/events';
import type { TaskEventType } from '@vm-task/shared/subjects';
import type { Observations } from './observations.ts';

/** What may follow what in the event stream of a task. */
const followers: Readonly<Partial<Record<EventType | 'unknown', readonly EventType[]>>> = {
  'task.created': ['vm.ready', 'task.retrying', 'task.cancelling', 'task.completed'],
  'vm.ready': ['task.resumed', 'task.retrying', 'task.cancelling', 'task.completed'],
  'task.resumed': ['task.resumed', 'task.retrying', 'task.cancelling', 'task.completed'],
  'task.retrying': ['vm.ready', 'task.retrying', 'task.cancelling', 'task.completed'],
  'task.cancelling': ['task.completed'],
  unknown: ['task.cancelling', 'task.completed'],
  'task.completed': [],
};

export class OrderKept {
  readonly #observations: Observations;

  constructor(observations: Observations) {
    this.#observations = observations;
  }

  /** What may follow, and of the attempt that is under way or to come. */
  require(event: Stored<Exclude<TaskEventType, 'task.created'>>, eventStream: readonly Head[]): void {
    const { task, attempt } = event.data;
    const head = eventStream.at(-1);
    if (head === undefined) return;
    if (followers[head.type]?.includes(event.type) !== true) {
      const promise = event.type === 'task.completed' ? 'I2' : 'I3';
      this.#observations.broken(promise, `${event.type} follows ${head.type} in the event stream of ${task}`);
    }
    if (attempt !== attemptAt(head)) {
      this.#observations.broken('I3', `${event.type} of ${task} is of attempt ${attempt}, not ${attemptAt(head)}`);
    }
    if (event.type === 'task.completed' && head.type === 'unknown') this.#requireTotal(event);
    if (event.type === 'task.cancelling' && head.type === 'task.retrying') {
      this.#observations.sometimes('a wait for another attempt was cancelled');
    }
    if (event.type === 'vm.ready' && head.type === 'task.retrying' && event.time < new Date(head.data.notBefore)) {
      this.#observations.broken('I3', `attempt ${attempt} of ${task} begins before its time`);
    }
  }

  /** I9: what nobody can read is no reason to end a task; only its time is one, and people are. */
  #requireTotal({ data: { task, outcome, error } }: Stored<'task.completed'>): void {
    this.#observations.sometimes('a task ended behind an event that nobody can read');
    if (error?.code === 'timed-out-total') return;
    this.#observations.broken('I9', `${task} ${outcome} (${error?.code}) behind an event that nobody can read`);
  }
}
