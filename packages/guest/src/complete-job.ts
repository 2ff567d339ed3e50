/** A job's result, set from outside of its process while it runs. */
import type { GuestConnection } from './connect.ts';
import { encodeKey } from './encode-job.ts';
import { Exchange } from './exchange.ts';
import { bare } from './frames.ts';
import type { JobKey } from './job.ts';
import { jobProgram } from './supervisor.ts';

export interface Completion {
  /** What the job's end will tell as its result, whatever is in its file. */
  readonly result: Uint8Array;
  /** Of the one who asks: the same one may ask again. Without line breaks. */
  readonly key: string;
}

/**
 * `completed`: the machine has it, and whoever reads the job's end finds it there, however often a runner is replaced.
 * `twice`: it has one of another key. `over`: the job has ended, or was never there.
 * @throws `ssh-lost`, `guest-failed`; the signal's reason when aborted.
 */
export async function completeJob(
  connection: GuestConnection,
  job: JobKey,
  { result, key }: Completion,
  options: { readonly signal: AbortSignal },
): Promise<'completed' | 'twice' | 'over'> {
  const request = [['verb', 'complete'], ...encodeKey(job), ['key', key], ['result', result]] as const;
  using exchange = await Exchange.open(connection, jobProgram, request, options.signal);
  const { kind } = await exchange.frame({ completed: bare, twice: bare, over: bare });
  return kind as 'completed' | 'twice' | 'over';
}
