/** What follows a failed attempt: decided once, and by the same rules for provisioner, runner and reaper. */
import { createHash } from 'node:crypto';
import { backOffMs } from './back-off.ts';
import { isPermanent } from './errors.ts';
import type { Draft, EventData, Stored } from './events.ts';
import type { TaskId } from './ids.ts';
import { processFailed } from './process-end.ts';
import type { RetryPhase, RetryPolicy } from './retry-policy.ts';

export interface EndedAttempt {
  /** How the task ends if no other attempt follows. */
  readonly ending: Draft<'task.completed'>;
  readonly phase: RetryPhase;
  readonly created: Pick<Stored<'task.created'>, 'data' | 'time'>;
  /** True when somebody has asked for the end of the task. */
  readonly cancelling: boolean;
  /** By the broker's clock. */
  readonly nowMs: number;
}

/**
 * Another attempt, or the ending. Only what failed is tried again, and only as long as the policy says, the error may
 * go away by itself, and there is time left after the wait. Nothing follows a cancelling but the end.
 */
export function decideRetry(ended: EndedAttempt): Draft<'task.retrying'> | Draft<'task.completed'> {
  const { ending, phase, created, cancelling, nowMs } = ended;
  const { task, pool, attempt, vm, outcome, exitCode } = ending.data;
  const { retry, timeouts } = created.data.spec;
  const error = ending.data.error ?? processFailed(ending.data);
  const mayHelp = outcome === 'failed' && !cancelling && !isPermanent(error.code);
  if (!mayHelp || !retry.on.includes(phase) || attempt >= retry.maxAttempts) return ending;
  const notBeforeMs = nowMs + retryDelayMs(retry, task, attempt);
  if (notBeforeMs >= created.time.getTime() + timeouts.totalMs) return ending;
  const notBefore = new Date(notBeforeMs).toISOString();
  const left = leftBy(ending.data);
  const data = {
    v: 1 as const,
    task,
    pool,
    attempt,
    next: attempt + 1,
    vm,
    phase,
    exitCode,
    error,
    ...left,
    notBefore,
  };
  return { type: 'task.retrying', data, host: ending.host };
}

/** Nobody reads it by the attempt any more, and it is kept all the same. */
function leftBy({ output, artifacts }: EventData<'task.completed'>): Pick<EventData<'task.retrying'>, 'left'> {
  const outputBytes = output === null ? 0 : output.stdout.storedBytes + output.stderr.storedBytes;
  const artifactBytes = artifacts.reduce((sum, { bytes }) => sum + bytes, 0);
  return outputBytes + artifactBytes === 0 ? {} : { left: { outputBytes, artifactBytes } };
}

/** Past this the wait grows no further, unless it began longer. */
const longestGrownMs = 3_600_000;
/** A quarter to either side: what failed together does not come back together. */
const jitter = 0.25;

/** The wait after an attempt. It follows from task and attempt alone, so whoever decides again decides the same. */
export function retryDelayMs({ backoffMs }: RetryPolicy, task: TaskId, attempt: number): number {
  const grownMs = backOffMs({ firstMs: backoffMs, longestMs: Math.max(backoffMs, longestGrownMs) }, attempt);
  const bits = createHash('sha256').update(`${task} ${attempt}`).digest().readUInt32BE();
  return Math.round(grownMs * (1 - jitter + 2 * jitter * (bits / 2 ** 32)));
}
