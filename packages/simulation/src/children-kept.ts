/** Children: each that was asked for is made before its question is settled, and ends with its parent's cancelling. */
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { numberOfSpawn } from '@vm-task/shared/subjects';
import type { StoredMessage } from './broker/stream.ts';
import type { Observations } from './observations.ts';

const spawns = 'intake-task-spawn';
const cancellings = 'intake-task-cancelling';

export class ChildrenKept {
  readonly #observations: Observations;
  readonly #parentOf = new Map<TaskId, TaskId>();
  /** Children whose question, and parents whose cancelling, is settled. */
  readonly #settled = new Set<TaskId>();

  constructor(observations: Observations) {
    this.#observations = observations;
  }

  onTaskCreated({ data: { task, cause, spec } }: Stored<'task.created'>, parent: Stored<'task.created'> | null): void {
    if (cause.kind !== 'task') return;
    this.#parentOf.set(task, cause.id as TaskId);
    this.#observations.sometimes('a task that a task asked for was made');
    const most = parent?.data.spec;
    if (
      most === undefined ||
      spec.timeouts.totalMs > most.timeouts.totalMs ||
      spec.retry.maxAttempts > most.retry.maxAttempts
    ) {
      this.#observations.broken('I13', `${task} has more time or attempts than its parent ${cause.id}`);
    }
  }

  /** I4: once both are settled, whoever came second has seen to it. Returns true when something should have followed. */
  isAckedEarly(durable: string, message: StoredMessage, isEnding: (task: TaskId) => boolean): boolean {
    if (durable === cancellings) {
      const parent = message.subject.split('.').at(-2) as TaskId;
      this.#settled.add(parent);
      const children = [...this.#parentOf].filter(([, of]) => of === parent).map(([child]) => child);
      return children.some((child) => this.#settled.has(child) && !this.#ends(child, isEnding));
    }
    if (durable !== spawns || numberOfSpawn(message.subject) === 0) return false;
    const { id, parent } = JSON.parse(Buffer.from(message.data).toString()) as { id: TaskId; parent: TaskId };
    this.#settled.add(id);
    return !this.#parentOf.has(id) || (this.#settled.has(parent) && !this.#ends(id, isEnding));
  }

  #ends(child: TaskId, isEnding: (task: TaskId) => boolean): boolean {
    const ends = isEnding(child);
    if (ends) this.#observations.sometimes('a task that a task asked for was cancelled with that');
    return ends;
  }
}
