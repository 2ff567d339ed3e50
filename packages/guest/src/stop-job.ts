/** Stopping a job, and asking how it is. */
import type { GuestConnection } from './connect.ts';
import { encodeKey } from './encode-job.ts';
import { Exchange } from './exchange.ts';
import { bare, type Expected, type Field, type Frame, sentence } from './frames.ts';
import { guestText } from './guest-text.ts';
import type { JobKey, JobStatus } from './job.ts';
import { record } from './job-answer.ts';
import { readOutcome } from './job-end.ts';
import { jobProgram } from './supervisor.ts';

/**
 * Returns once the request is in the guest: SIGTERM to the job's process group at once, SIGKILL to all that is left of the
 * job after `graceMs`, whatever becomes of this connection. Whoever follows the job sees it end.
 * A job that is over or was never there is left as it is. @throws `ssh-lost`, `guest-failed`.
 */
export async function stopJob(
  connection: GuestConnection,
  key: JobKey,
  options: { readonly graceMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const grace: Field = ['grace', options.graceMs];
  await ask(connection, [['verb', 'stop'], ...encodeKey(key), grace], { asked: bare }, options.signal);
}

/** How the job is now, without its output. @throws `ssh-lost`, `guest-failed`. */
export async function jobStatus(
  connection: GuestConnection,
  key: JobKey,
  options: { readonly signal: AbortSignal },
): Promise<JobStatus> {
  const expected = { absent: bare, running: bare, end: record, lost: sentence };
  const frame = await ask(connection, [['verb', 'status'], ...encodeKey(key)], expected, options.signal);
  switch (frame.kind) {
    case 'end':
      return { kind: 'ended', outcome: readOutcome(frame.bytes) };
    case 'lost':
      return { kind: 'ended', outcome: { kind: 'lost', reason: guestText(frame.bytes) } };
    default:
      return { kind: frame.kind as 'absent' | 'running' };
  }
}

async function ask(
  connection: GuestConnection,
  request: readonly Field[],
  expected: Expected,
  signal: AbortSignal,
): Promise<Frame> {
  using exchange = await Exchange.open(connection, jobProgram, request, signal);
  return await exchange.frame(expected);
}
