/** Stopping a job, and asking how it is. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { GuestConnection } from './connect.ts';
import { encodeKey } from './encode-job.ts';
import { Exchange } from './exchange.ts';
import type { Field, Frame } from './frames.ts';
import type { JobKey, JobStatus } from './job.ts';
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
  const frame = await ask(connection, [['verb', 'stop'], ...encodeKey(key), grace], options.signal);
  if (frame.kind !== 'asked') throw unexpected(frame);
}

/** How the job is now, without its output. @throws `ssh-lost`, `guest-failed`. */
export async function jobStatus(
  connection: GuestConnection,
  key: JobKey,
  options: { readonly signal: AbortSignal },
): Promise<JobStatus> {
  const frame = await ask(connection, [['verb', 'status'], ...encodeKey(key)], options.signal);
  switch (frame.kind) {
    case 'absent':
    case 'running':
      return { kind: frame.kind };
    case 'end':
      return { kind: 'ended', outcome: readOutcome(frame.bytes) };
    case 'lost':
      return { kind: 'ended', outcome: { kind: 'lost', reason: frame.bytes.toString() } };
    default:
      throw unexpected(frame);
  }
}

async function ask(connection: GuestConnection, request: readonly Field[], signal: AbortSignal): Promise<Frame> {
  using exchange = await Exchange.open(connection, jobProgram, request, signal);
  return await exchange.frame();
}

function unexpected(frame: Frame): VmTaskError {
  return new VmTaskError('guest-failed', `the machine answered with an unknown frame ${JSON.stringify(frame.kind)}`);
}
