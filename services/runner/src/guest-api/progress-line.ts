/** What a task says of its progress, on its way into `LOGS`: of many in a second the last one is stored (I13). */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@vm-task/bus/connection';
import { storeProgress } from '@vm-task/bus/task-progress';
import type { EventData } from '@vm-task/shared/events';
import type { Progress } from '@vm-task/shared/progress';
import type { GuestLog } from '../guest-log.ts';

/** Faster than this nobody reads, and an hour of it is less than a megabyte. */
const pauseMs = 1_000;

export class ProgressLine implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #ready: Pick<EventData<'vm.ready'>, 'task' | 'attempt' | 'host'>;
  readonly #log: GuestLog;
  readonly #over = new AbortController();
  #next: Progress | null = null;
  #storing: Promise<void> | null = null;

  constructor(connection: Connection, ready: Pick<EventData<'vm.ready'>, 'task' | 'attempt' | 'host'>, log: GuestLog) {
    this.#connection = connection;
    this.#ready = ready;
    this.#log = log;
  }

  /** Stored at once when the last one was a second ago; else when that second is over, if nothing newer was said. */
  say(progress: Progress): void {
    this.#next = progress;
    this.#storing ??= this.#store().finally(() => {
      this.#storing = null;
    });
  }

  async #store(): Promise<void> {
    while (this.#next !== null) {
      const progress = this.#next;
      this.#next = null;
      const { task, attempt, host } = this.#ready;
      await storeProgress(this.#connection, task, attempt, host, progress).catch((error) =>
        this.#log.warn({ err: error }, 'the progress of a task could not be stored'),
      );
      await delay(pauseMs, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
  }

  /** Returns when the last one is stored. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Without a reason, Node would make an error with a stack for it, for every task.
    this.#over.abort('over');
    await this.#storing;
  }
}
