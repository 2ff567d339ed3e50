import type { BrokerClock } from '@vm-task/bus/broker-clock';

/** What comes due, the earliest first. */
export interface Dues<T> {
  nextMs(): number | null;
  /** What has come due since the last call. */
  takeDue(nowMs: number): T[];
}

/** Node's timers hold no more than 24 days; an hour is as good, because each wake looks again. */
const longestTimerMs = 3_600_000;

/** Calls back for each deadline the moment it comes, by the broker's clock; what is overdue already comes first. */
export class DeadlineTimer<T> implements Disposable {
  readonly #dues: Dues<T>;
  readonly #clock: BrokerClock;
  readonly #onDue: (due: T) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(dues: Dues<T>, clock: BrokerClock, onDue: (due: T) => void) {
    this.#dues = dues;
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** False until the log was read to its end: what it shows before may long be over. */
  get isArmed(): boolean {
    return this.#timer !== null;
  }

  /** Looks now, and again at the next deadline. To be called when the deadlines have changed. */
  arm(): void {
    const nowMs = this.#clock.nowMs();
    for (const due of this.#dues.takeDue(nowMs)) this.#onDue(due);
    const nextMs = this.#dues.nextMs() ?? Number.POSITIVE_INFINITY;
    clearTimeout(this.#timer ?? undefined);
    // One millisecond later: timers are early by a fraction of one.
    this.#timer = setTimeout(() => this.arm(), Math.min(longestTimerMs, nextMs - nowMs + 1));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer ?? undefined);
  }
}
