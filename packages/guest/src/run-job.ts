/** Starting a job, and hearing of it until its end. */
import type { GuestConnection } from './connect.ts';
import type { Job, JobEvent, Offsets } from './job.ts';

export interface FollowOptions {
  /** Output before these offsets is not sent again; by default all of it is. */
  readonly from?: Offsets;
  readonly signal: AbortSignal;
}

/**
 * Starts the job unless one of its name was started before (I8), then tells of it, from `running` to `ended`.
 * The job outlives the connection and this generator: only `stopJob` or its own end stops it.
 * Thrown: `invalid-task` before anything is sent, `ssh-lost`, `guest-failed`; the signal's reason when aborted.
 */
export async function* runJob(
  _connection: GuestConnection,
  _job: Job,
  _options: FollowOptions,
): AsyncGenerator<JobEvent, void> {
  yield* [];
  throw new Error('soon');
}

/** As `runJob` for a job that was started before, without anything to start. A job that is not there ended `lost`. */
export async function* followJob(
  _connection: GuestConnection,
  _name: string,
  _options: FollowOptions,
): AsyncGenerator<JobEvent, void> {
  yield* [];
  throw new Error('soon');
}
