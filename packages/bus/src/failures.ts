/**
 * How often handling has failed, for each message of a worker that is not decided on yet. The broker counts deliveries,
 * and most of those are no failures: what was given back on purpose, and what came again after a crash.
 */

/** As many as a durable has in flight. What another worker has taken meanwhile is among them, and the oldest go. */
const maxMessages = 10_000;
/** By then it is no moment's trouble: half a minute of tries. */
const reportFrom = 5;

interface Failed {
  readonly times: number;
  readonly isReported: boolean;
}

export class Failures {
  readonly #messages = new Map<number, Failed>();

  /** How often the message of the sequence has failed in a row, this time included. */
  add(seq: number): number {
    const { times = 0, isReported = false } = this.#messages.get(seq) ?? {};
    this.#messages.set(seq, { times: times + 1, isReported });
    const [oldest] = this.#messages.keys();
    if (this.#messages.size > maxMessages && oldest !== undefined) this.#messages.delete(oldest);
    return times + 1;
  }

  /** How often it has failed in a row. */
  of(seq: number): number {
    return this.#messages.get(seq)?.times ?? 0;
  }

  /** It was decided on, whatever was decided. */
  forget(seq: number): void {
    this.#messages.delete(seq);
  }

  /** Tells people once about a message that has failed five times or more. @throws what `tell` throws: then at the next failure. */
  async report(seq: number, tell: () => Promise<void>): Promise<void> {
    const failed = this.#messages.get(seq);
    if (failed === undefined || failed.isReported || failed.times < reportFrom) return;
    await tell();
    this.#messages.set(seq, { ...failed, isReported: true });
  }
}
