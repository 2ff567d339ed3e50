/** The moment at which a phase of an attempt is out of time: its job is stopped then, as if its task were cancelled. */
import type { BrokerClock } from '@vm-task/bus/broker-clock';
import type { ErrorInfo } from '@vm-task/shared/errors';
import type { Stored } from '@vm-task/shared/events';
import { type TimeLimit, timeLimitError } from '@vm-task/shared/time-limits';

export interface Limit {
  readonly limit: TimeLimit;
  /** By the broker's clock. */
  readonly atMs: number;
}

/** The earlier one of the phase's own limit, which began with an event, and that of the whole task. */
export function limitOf(phase: 'setup' | 'run', since: Date, { data, time }: Stored<'task.created'>): Limit {
  const { totalMs, setupMs, runMs } = data.spec.timeouts;
  const own = { limit: phase, atMs: since.getTime() + (phase === 'setup' ? setupMs : runMs) };
  const total = { limit: 'total', atMs: time.getTime() + totalMs } as const;
  return own.atMs <= total.atMs ? own : total;
}

/** A host that was suspended, and a clock that was set right, are met at the next look. */
const lookMs = 30_000;

/** Told once the limit is reached, at once when it is, unless disposed of before. */
export class LimitTimer implements Disposable {
  /** Why the task ends, if it ends because of this limit. */
  readonly error: ErrorInfo;
  readonly #limit: Limit;
  readonly #clock: BrokerClock;
  readonly #reached = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(limit: Limit, { data }: Stored<'task.created'>, clock: BrokerClock) {
    this.error = timeLimitError(limit.limit, data.spec.timeouts);
    this.#limit = limit;
    this.#clock = clock;
    this.#look();
  }

  get reached(): AbortSignal {
    return this.#reached.signal;
  }

  #look(): void {
    const leftMs = this.#limit.atMs - this.#clock.nowMs();
    if (leftMs <= 0) this.#reached.abort(new Error(this.error.message));
    else this.#timer = setTimeout(() => this.#look(), Math.min(lookMs, Math.ceil(leftMs)));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
