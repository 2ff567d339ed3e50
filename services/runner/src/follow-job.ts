/** One job of an attempt, from its start, or from where its output was left, to its end. */
import type { Job, JobEnd, JobEvent, Offsets } from '@vm-task/guest/job';
import type { Attempt } from './attempt.ts';
import type { Contact } from './contact.ts';
import type { Guest } from './guest.ts';
import type { GuestApi } from './guest-api/serve-guest-api.ts';
import type { GuestLog } from './guest-log.ts';

/** Where a job's output goes. */
export interface OutputSink {
  /** The first bytes that are still wanted. */
  readonly from: Offsets;
  readonly take: (output: JobEvent & { readonly kind: 'output' }) => Promise<void>;
}

export interface FollowJobOptions {
  /** What the attempt is in as soon as the job may have been started. */
  readonly phase: 'setup' | 'run';
  /** Aborted when the job is to be stopped: its task is being cancelled, or out of time. */
  readonly stopping: AbortSignal;
  /** From SIGTERM to SIGKILL then. */
  readonly graceMs: number;
  /** The guest API that the job has; without it, nothing. */
  readonly guestApi?: GuestApi;
  readonly log: GuestLog;
}

/**
 * How the job ended; `not-begun` when it is to be stopped and is not in the guest. While it runs it is stopped, and its
 * end is waited for. Survives lost connections: output goes on where it stopped.
 */
export async function followJob(
  attempt: Attempt,
  contact: Contact,
  job: Job,
  sink: OutputSink,
  options: FollowJobOptions,
): Promise<JobEnd | 'not-begun'> {
  const { signal } = attempt;
  const { stopping: toStop } = options;
  return contact.reach(async (guest) => {
    if (toStop.aborted && (await guest.status(job, { signal })).kind === 'absent') return 'not-begun';
    attempt.enter(options.phase);
    using stopping = new DisposableStack();
    const serving = options.guestApi === undefined ? {} : { serve: options.guestApi.over(guest) };
    for await (const event of guest.run(job, { from: sink.from, signal, ...serving })) {
      switch (event.kind) {
        case 'ended':
          return event.end;
        case 'output':
          await sink.take(event);
          break;
        case 'unreachable':
          options.log.warn({ reason: event.reason }, 'the task has no guest API');
          break;
        case 'running':
          // Not before: a request to stop what is not there yet would be forgotten.
          stopping.use(whenAborted(toStop, () => stop(guest, job, attempt, options)));
      }
    }
    throw new Error(`the job ${job.name} was followed to no end`);
  });
}

/** Asks on the connection that follows the job: when that is lost, both are done again on the next one. */
async function stop(guest: Guest, job: Job, { signal }: Attempt, { graceMs, log }: FollowJobOptions): Promise<void> {
  try {
    await guest.stop(job, { graceMs, signal });
  } catch (error) {
    if (!signal.aborted) log.warn({ err: error, job: job.name }, 'the job could not be asked to stop');
  }
}

/** Runs `action` once `signal` is aborted, at once when it is, unless disposed of before. */
function whenAborted(signal: AbortSignal, action: () => Promise<void>): Disposable {
  const listener = () => void action();
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', listener) };
}
