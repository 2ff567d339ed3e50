/**
 * Which tasks are beyond the newest so many: what ended before the oldest of those was submitted. Counted are the
 * beginnings, which control alone can store; the broker counts them, so nothing is remembered for each.
 */
import type { BrokerClock } from '@vm-task/bus/broker-clock';
import type { Connection } from '@vm-task/bus/connection';
import { countMessages } from '@vm-task/bus/count-messages';
import { nextMessage } from '@vm-task/bus/find-task';
import { eventPatterns } from '@vm-task/shared/subjects';

export interface NewestTasksOptions {
  readonly connection: Connection;
  readonly clock: BrokerClock;
  readonly maxTasks: number;
  /** Between two counts. */
  readonly everyMs: number;
  readonly stop: AbortSignal;
}

const beginnings = eventPatterns['task.created'];

export class NewestTasks {
  readonly #options: NewestTasksOptions;
  /** Where the newest begin, as far as they were counted. */
  #from = 1;
  #countedMs = Number.NEGATIVE_INFINITY;

  constructor(options: NewestTasksOptions) {
    this.#options = options;
  }

  /** What ended before this sequence is beyond them. */
  async beforeSeq(): Promise<number> {
    const { connection, clock, maxTasks, everyMs, stop } = this.#options;
    if (clock.nowMs() - this.#countedMs < everyMs) return this.#from;
    const count = await countMessages(connection, beginnings, this.#from);
    this.#countedMs = clock.nowMs();
    if (count <= maxTasks) return this.#from;
    // The next one after those that are too many is the oldest of the newest.
    for (let more = count - maxTasks; more >= 0 && !stop.aborted; more--) {
      const message = await nextMessage(connection, this.#from, beginnings);
      if (message === null) break;
      this.#from = more === 0 ? message.seq : message.seq + 1;
    }
    return this.#from;
  }
}
