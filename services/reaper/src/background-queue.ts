/**
 * Work that has to succeed one day and must not be in a hurry (I13): one at a time for each key, a few at once for
 * all, growing pauses after failures, and one alert for what goes on failing. That the broker is away is no failure:
 * what needs it waits for it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isUnanswered } from '@vm-task/bus/answers';
import { pauseAfter } from '@vm-task/hypervisor/ledger/quarantine';
import type { Logger } from '@vm-task/service/log';
import { backOffMs } from '@vm-task/shared/back-off';
import { errorInfo } from '@vm-task/shared/errors';
import pLimit from 'p-limit';

export interface BackgroundQueueOptions {
  readonly log: Logger;
  /** Aborted: nothing is begun any more, and what fails is nobody's fault. */
  readonly stop: AbortSignal;
  readonly alert: (job: BackgroundJob, reason: string) => Promise<void>;
}

export interface BackgroundJob {
  /** What it is about: a task's or a VM's id. */
  readonly id: string;
  /** For people: "removing a VM". */
  readonly what: string;
  /** What it was begun on, where the same on something newer is another background job and does not wait for the older one. */
  readonly on?: string;
}

/** Enough to keep a host busy that removes VMs; a background job that hangs holds up none of the others. */
const maxAtOnce = 8;
/** Past the 5 s that a request waits for its answer: so it goes on 5 s after the broker is back, at the latest. */
const unansweredPauseMs = 250;
const pauses = { firstMs: 1_000, longestMs: 300_000 };
/** The third failure in a row is more than a hiccup. */
const alertAtFailure = 3;

export class BackgroundQueue {
  readonly #options: BackgroundQueueOptions;
  readonly #limit = pLimit(maxAtOnce);
  readonly #running = new Map<string, Promise<void>>();
  readonly #failed = new Map<string, { failures: number; notBefore: number }>();

  constructor(options: BackgroundQueueOptions) {
    this.#options = options;
  }

  /** Begins it, unless it is under way or pausing after a failure. */
  start(job: BackgroundJob, action: () => Promise<void>): void {
    const key = `${job.what} ${job.id} ${job.on ?? ''}`;
    const pausing = performance.now() < (this.#failed.get(key)?.notBefore ?? 0);
    if (this.#options.stop.aborted || this.#running.has(key) || pausing) return;
    const running = this.#limit(() => this.#run(key, job, action)).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
  }

  /** Returns when nothing is under way any more. */
  async ended(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #run(key: string, job: BackgroundJob, action: () => Promise<void>): Promise<void> {
    const { stop, log } = this.#options;
    if (stop.aborted) return;
    try {
      await this.#answered(action);
      this.#failed.delete(key);
    } catch (error) {
      if (stop.aborted) return;
      const failures = (this.#failed.get(key)?.failures ?? 0) + 1;
      const pauseMs = pauseMsAfter(error, failures);
      this.#failed.set(key, { failures, notBefore: performance.now() + pauseMs });
      log.warn({ err: error, ...job, failures, pauseMs }, 'failed, and will be tried again');
      if (failures === alertAtFailure) await this.#alert(job, errorInfo(error).message);
    }
  }

  /** Again and again while the broker does not answer: each background job is right to do again. */
  async #answered(action: () => Promise<void>): Promise<void> {
    const { stop } = this.#options;
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (stop.aborted || !isUnanswered(error)) throw error;
      }
      await delay(unansweredPauseMs, undefined, { signal: stop });
    }
  }

  async #alert(job: BackgroundJob, reason: string): Promise<void> {
    const { alert, log } = this.#options;
    await alert(job, reason).catch((error) => log.warn({ err: error, ...job }, 'the alert could not be raised'));
  }
}

/** What the host does not let go of (a stray, a folder that cannot be written to) rests as long as a VM in quarantine. */
function pauseMsAfter(error: unknown, failures: number): number {
  if (errorInfo(error).code === 'vm-not-gone') return pauseAfter(failures);
  return backOffMs(pauses, failures);
}
