/** Starting a job, and hearing of it until its end. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { GuestConnection } from './connect.ts';
import { encodeJob, encodeKey } from './encode-job.ts';
import { Exchange, startAhead } from './exchange.ts';
import { forwardSocket, type ServeConnection } from './forward-socket.ts';
import type { Field, Frame } from './frames.ts';
import type { Job, JobEvent, JobKey, Offsets, OutputStream } from './job.ts';
import { lostEnd, readEnd } from './job-end.ts';
import { jobProgram, taskCommand } from './supervisor.ts';

export interface FollowOptions {
  /** Output before these offsets is not sent again; by default all of it is. */
  readonly from?: Offsets;
  /**
   * Serves what the job asks of us from inside, at the socket `$VM_TASK_API`, which is there before the job starts. Where
   * the machine allows no socket, the job runs without.
   */
  readonly serve?: ServeConnection;
  readonly signal: AbortSignal;
}

/** On a connection that nobody uses now: the next job on it starts sooner. */
export function prepareForJob(connection: GuestConnection): void {
  startAhead(connection, jobProgram);
}

/**
 * Starts the job unless one of its name was started before (I8), then reports it, from `running` to `ended`.
 * The job outlives the connection and this generator: only `stopJob` or its own end stops it.
 * @throws `invalid-task` before anything is sent, `ssh-lost`, `guest-failed`; the signal's reason when aborted.
 */
export function runJob(connection: GuestConnection, job: Job, options: FollowOptions): AsyncGenerator<JobEvent, void> {
  const api: Field[] = options.serve === undefined ? [] : [['command', taskCommand]];
  return events(connection, [['verb', 'start'], ...encodeJob(job), ...api], options);
}

/** As `runJob` for a job that was started before, without anything to start. A job that is not there ended `lost`. */
export function followJob(
  connection: GuestConnection,
  key: JobKey,
  options: FollowOptions,
): AsyncGenerator<JobEvent, void> {
  return events(connection, [['verb', 'follow'], ...encodeKey(key)], options);
}

async function* events(
  connection: GuestConnection,
  request: readonly Field[],
  options: FollowOptions,
): AsyncGenerator<JobEvent, void> {
  const next = { stdout: 0, stderr: 0, ...options.from };
  const fields: Field[] = [...request, ['from', next.stdout], ['from', next.stderr]];
  using open = new DisposableStack();
  const exchange = open.use(await Exchange.open(connection, jobProgram, fields, options.signal));
  const tails = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  let result: Buffer | null = null;
  for await (const frame of exchange.frames()) {
    switch (frame.kind) {
      case 'api':
      case 'noapi': {
        const refused = await openApi(connection, frame, open, options.serve);
        if (refused !== null) yield { kind: 'unreachable', reason: refused };
        exchange.send(refused === null ? [] : [['refused', refused]]);
        break;
      }
      case 'started':
      case 'attached':
        yield { kind: 'running', attached: frame.kind === 'attached' };
        break;
      case 'stdout':
      case 'stderr':
        yield outputOf(frame, frame.kind, next);
        break;
      case 'tailstdout':
        tails.stdout = Buffer.from(frame.bytes);
        break;
      case 'tailstderr':
        tails.stderr = Buffer.from(frame.bytes);
        break;
      case 'result':
        result = Buffer.from(frame.bytes);
        break;
      case 'end':
        yield { kind: 'ended', end: readEnd(frame.bytes, tails, result) };
        return;
      case 'lost':
        yield { kind: 'ended', end: lostEnd(frame.bytes.toString(), next) };
        return;
      default:
        throw new VmTaskError(
          'guest-failed',
          `the machine answered with an unknown frame ${JSON.stringify(frame.kind)}`,
        );
    }
  }
}

/** Why the job cannot reach us, or null when it can until `open` is disposed of. @throws `ssh-lost`. */
async function openApi(
  connection: GuestConnection,
  { kind, bytes }: Frame,
  open: DisposableStack,
  serve: ServeConnection = () => false,
): Promise<string | null> {
  if (kind === 'noapi') return bytes.toString();
  try {
    open.use(await forwardSocket(connection, bytes.toString(), serve));
    return null;
  } catch (error) {
    if (error instanceof VmTaskError && error.code === 'guest-failed') return error.message;
    throw error;
  }
}

/** Advances `next`: a gap or a repetition would make stored offsets lie. */
function outputOf(frame: Frame, stream: OutputStream, next: Record<OutputStream, number>): JobEvent {
  const [offset] = frame.numbers;
  if (offset !== next[stream]) {
    throw new VmTaskError('guest-failed', `the machine sent ${stream} from byte ${offset}, not from ${next[stream]}`);
  }
  next[stream] += frame.bytes.length;
  return { kind: 'output', stream, offset, bytes: frame.bytes };
}
