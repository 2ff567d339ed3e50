/**
 * When a failed attempt is followed by another one, as people write it and as `task.created` keeps it.
 *
 * | phase | what failed |
 * |---|---|
 * | `vm` | anything before the first setup step was started |
 * | `setup` | anything from there until the main process was started |
 * | `run` | anything after that: the process itself, or the loss of its VM |
 */
import { z } from 'zod';
import { durationSchema } from './durations.ts';

export const retryPhases = ['vm', 'setup', 'run'] as const;
export type RetryPhase = (typeof retryPhases)[number];

/** Whoever needs more attempts than this has another problem. */
const maxAttempts = 100;

const attemptsSchema = z.int().min(1).max(maxAttempts);

export const retryFileSchema = z.strictObject({
  maxAttempts: attemptsSchema.optional(),
  backoff: durationSchema.optional(),
  on: z.array(z.enum(retryPhases)).optional(),
});

export const retryPolicySchema = z.strictObject({
  /** Attempts in all, the first one included. */
  maxAttempts: attemptsSchema,
  /** The wait before the second attempt; each later one is twice as long. */
  backoffMs: z.int().min(1),
  on: z.array(z.enum(retryPhases)),
});
export type RetryPolicy = z.infer<typeof retryPolicySchema>;

/** Before the first setup step nothing of the task has happened anywhere: only that is safe to repeat unasked. */
const defaultPolicy: RetryPolicy = { maxAttempts: 3, backoffMs: 10_000, on: ['vm'] };

/** The policy with every default; each phase once, in the order of the phases. */
export function retryPolicyOf(file: z.infer<typeof retryFileSchema> = {}): RetryPolicy {
  const on = file.on ?? defaultPolicy.on;
  return {
    maxAttempts: file.maxAttempts ?? defaultPolicy.maxAttempts,
    backoffMs: file.backoff ?? defaultPolicy.backoffMs,
    on: retryPhases.filter((phase) => on.includes(phase)),
  };
}
