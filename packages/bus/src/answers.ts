/** What the broker's answers to a publish mean: refused, unknown outcome, or non-retryable. Its errors become ours here. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { NoRespondersError, PermissionViolationError, TimeoutError } from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';

/** The broker's codes for an expectation that does not hold, or cannot be known to hold. */
const wrongLastSequence = new Set([10071, 10164]);
/** The broker's codes for a stream that is at its limit, or has no room on disk. */
const atLimit = 10077;
const streamFull = new Set([atLimit, 10047]);

/** True when the expectation that the message carried does not hold. */
export function wasRefused(error: unknown): boolean {
  return error instanceof JetStreamApiError && wrongLastSequence.has(error.code);
}

/** True when the stream takes no more. */
export function isFull(error: unknown): boolean {
  return error instanceof JetStreamApiError && streamFull.has(error.code);
}

/** True when the stream has as much as it may have, however much room the disk has. */
export function isAtLimit(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === atLimit;
}

/** True when nobody answered: the broker is away, hangs, or is just starting. */
export function isUnanswered(error: unknown): boolean {
  for (let layer = error; layer instanceof Error; layer = layer.cause) {
    if (layer instanceof TimeoutError || layer instanceof NoRespondersError) return true;
  }
  return false;
}

/** @throws for what is the same at the next try: `payload-too-large`, `broker-denied`. The outcome of everything else is unknown. */
export function throwIfNonRetryable(error: unknown): void {
  const denied = [error, error instanceof Error ? error.cause : null].find(
    (layer) => layer instanceof PermissionViolationError,
  );
  if (denied !== undefined) {
    throw new VmTaskError('broker-denied', `NATS refuses this user to ${denied.operation} ${denied.subject}`, {
      cause: error,
    });
  }
  if (error instanceof Error && /max_payload|payload size exceeded/i.test(error.message)) {
    throw new VmTaskError('payload-too-large', `larger than the broker takes: ${error.message}`, { cause: error });
  }
}
