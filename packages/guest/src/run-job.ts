/** Starting a job, and hearing of it until its end. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { GuestConnection } from './connect.ts';
import { encodeJob, encodeKey } from './encode-job.ts';
import { Exchange, startAhead } from './exchange.ts';
import { forwardSocket, type ServeConnection } from './forward-socket.ts';
import type { Field, Frame } from './frames.ts';
import { guestText } from './guest-text.ts';
import type { Job, JobEnd, JobEvent, JobKey, Offsets, OutputStream } from './job.ts';
import { type AnswerState, answerState } from './job-answer.ts';
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
  const bounds = { outputMaxBytes: job.outputMaxBytes, asksForSocket: options.serve !== undefined };
  return events(connection, [['verb', 'start'], ...encodeJob(job), ...api], bounds, options);
}

/** As `runJob` for a job that was started before, without anything to start. A job that is not there ended `lost`. */
export function followJob(
  connection: GuestConnection,
  key: JobKey,
  options: FollowOptions,
): AsyncGenerator<JobEvent, void> {
  const bounds = { outputMaxBytes: Number.MAX_SAFE_INTEGER, asksForSocket: false };
  return events(connection, [['verb', 'follow'], ...encodeKey(key)], bounds, options);
}

/** What the answer may have. */
interface Bounds {
  readonly outputMaxBytes: number;
  readonly asksForSocket: boolean;
}

async function* events(
  connection: GuestConnection,
  request: readonly Field[],
  { outputMaxBytes, asksForSocket }: Bounds,
  options: FollowOptions,
): AsyncGenerator<JobEvent, void> {
  const read = new OutputRead({ stdout: 0, stderr: 0, ...options.from }, outputMaxBytes);
  const fields: Field[] = [...request, ['from', read.next.stdout], ['from', read.next.stderr]];
  using open = new DisposableStack();
  const exchange = open.use(await Exchange.open(connection, jobProgram, fields, options.signal));
  const tails = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  let result: JobEnd['result'] = null;
  let state: AnswerState = request[0]?.[1] !== 'start' ? 'output' : asksForSocket ? 'socket' : 'start';
  while (state !== 'over') {
    const { frames, isDue, next } = answerState(state);
    const frame = await exchange.frame(frames, { isDue });
    state = next(frame.kind);
    switch (frame.kind) {
      case 'api':
      case 'noapi': {
        const refused = await openApi(connection, frame, open, options.serve);
        if (refused !== null) yield { kind: 'unreachable', reason: guestText(refused) };
        exchange.send(refused === null ? [] : [['refused', refused]]);
        break;
      }
      case 'started':
      case 'attached':
        yield { kind: 'running', attached: frame.kind === 'attached' };
        break;
      case 'stdout':
      case 'stderr':
        yield read.output(frame, frame.kind);
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
      case 'notwritten':
        result = 'not-written';
        break;
      case 'end':
        yield { kind: 'ended', end: readEnd(frame.bytes, tails, result, read.agreesWith) };
        break;
      case 'lost':
        yield { kind: 'ended', end: lostEnd(guestText(frame.bytes), read.next) };
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

/** How far each stream was read. */
class OutputRead {
  readonly next: Record<OutputStream, number>;
  readonly #from: Offsets;
  readonly #maxBytes: number;

  constructor(from: Offsets, maxBytes: number) {
    this.next = { ...from };
    this.#from = from;
    this.#maxBytes = maxBytes;
  }

  /** All that is stored came; or nothing did, because it was asked for from behind its end. */
  readonly agreesWith = (stream: OutputStream, storedBytes: number): boolean =>
    storedBytes === this.next[stream] || (this.next[stream] === this.#from[stream] && storedBytes < this.next[stream]);

  /** @throws `guest-failed` for a gap or a repetition, which would make stored offsets lie, and for more than there may be. */
  output(frame: Frame, stream: OutputStream): JobEvent {
    const [offset] = frame.numbers;
    if (offset !== this.next[stream]) {
      throw wrongOutput(`${stream} from byte ${offset}, not from ${this.next[stream]}`);
    }
    this.next[stream] += frame.bytes.length;
    if (this.next[stream] > this.#maxBytes) throw wrongOutput(`more than ${this.#maxBytes} bytes of ${stream}`);
    return { kind: 'output', stream, offset, bytes: frame.bytes };
  }
}

function wrongOutput(what: string): VmTaskError {
  return new VmTaskError('guest-failed', `the machine sent ${what}`);
}
