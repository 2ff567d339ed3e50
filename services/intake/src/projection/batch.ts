/**
 * Messages on their way into the tables. One that comes alone is applied at once; those that come close behind are
 * gathered into one transaction, so that load costs few of them. Nothing depends on what is said to be still to come:
 * that may be purged before it arrives.
 */
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { Logger } from '@vm-task/service/log';

/** A transaction costs about as much as twenty inserts; larger batches gain nothing and hold up readers. */
const maxSteps = 500;
/** One task may have megabytes. */
const maxBytes = 16 * 1024 * 1024;
/** After a batch the next one waits so long for more, which nobody sees. */
const gatherMs = 10;
/** A full disk is waited out: the events stay in the stream. */
const retryPauseMs = 1_000;

/** What steps are applied to. */
interface Target<S> {
  readonly position: number;
  /** All or none. */
  advance(steps: readonly S[]): void;
}

export interface Batch<S> extends Disposable {
  add(step: S, bytes: number): void;
  /** Returns when there is room for more, or at `stop`. Behind a full batch everybody else has a turn. */
  room(stop: AbortSignal): Promise<void>;
}

export function openBatch<S>(target: Target<S>, log: Logger): Batch<S> {
  let steps: S[] = [];
  let bytes = 0;
  let pause: NodeJS.Timeout | null = null;
  let wasFull = false;
  const isFull = () => steps.length >= maxSteps || bytes >= maxBytes;
  const applyAfter = (ms: number) => {
    if (pause !== null) clearTimeout(pause);
    pause = setTimeout(() => {
      pause = null;
      if (steps.length > 0) apply();
    }, ms);
  };
  const apply = () => {
    try {
      target.advance(steps);
      steps = [];
      bytes = 0;
      applyAfter(gatherMs);
    } catch (error) {
      log.error({ err: error, position: target.position }, 'the projection cannot be written; trying again');
      applyAfter(retryPauseMs);
    }
  };
  return {
    add(step, stepBytes) {
      steps.push(step);
      bytes += stepBytes;
      wasFull ||= isFull();
      if (pause === null || isFull()) apply();
    },
    async room(stop) {
      if (wasFull) await setImmediate();
      wasFull = false;
      while (isFull() && !stop.aborted) await delay(retryPauseMs, undefined, { signal: stop }).catch(() => undefined);
    },
    [Symbol.dispose]: () => clearTimeout(pause ?? undefined),
  };
}
