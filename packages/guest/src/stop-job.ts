/** Stopping a job, and asking how it is. */
import type { GuestConnection } from './connect.ts';
import type { JobStatus } from './job.ts';

/**
 * Returns once the request is in the guest: SIGTERM to the job's processes at once, SIGKILL to what is left of them
 * after `graceMs`, whatever becomes of this connection. Whoever follows the job sees it end.
 * A job that is over or was never there is left as it is.
 */
export async function stopJob(
  _connection: GuestConnection,
  _name: string,
  _options: { readonly graceMs: number; readonly signal: AbortSignal },
): Promise<void> {
  throw new Error('soon');
}

export async function jobStatus(
  _connection: GuestConnection,
  _name: string,
  _options: { readonly signal: AbortSignal },
): Promise<JobStatus> {
  throw new Error('soon');
}
