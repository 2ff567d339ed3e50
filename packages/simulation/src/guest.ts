/**
 * What runs in the VMs: jobs that live as long as their machine does, whatever becomes of those who follow them. A job
 * does what its program says, `print <bytes> <milliseconds> <exit code>`, and its output follows from its name alone.
 */
import type { Job, JobEnd, JobEvent, JobOutcome, JobProgram, OutputStream } from '@vm-task/guest/job';
import type { ConnectGuest, Guest } from '@vm-task/runner/guest';
import { VmTaskError } from '@vm-task/shared/errors';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import type { Faults } from './faults.ts';
import type { HostProcess } from './host.ts';
import type { Ledger } from './ledger.ts';
import type { Observations } from './observations.ts';
import { hashOf } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface Program {
  readonly bytes: number;
  readonly ms: number;
  readonly exitCode: number;
}

export function programText({ bytes, ms, exitCode }: Program): string {
  return `print ${bytes} ${ms} ${exitCode}`;
}

export function readProgram(text: string): Program {
  const [, bytes = 0, ms = 0, exitCode = 0] = text.split(' ').map(Number);
  return { bytes, ms, exitCode };
}

const chunksPerJob = 8;

/** Everything that a job of that name writes to one of its streams, if nothing stops it. */
export function outputOf(job: string, stream: OutputStream, { bytes }: Program): Buffer {
  const length = stream === 'stdout' ? bytes : Math.floor(bytes / 3);
  const shift = hashOf(`${job}/${stream}`);
  const output = Buffer.alloc(length);
  for (let index = 0; index < length; index++) output[index] = 97 + ((index * 7 + ((shift >> (index % 24)) & 15)) % 26);
  return output;
}

interface RunningJob {
  readonly name: string;
  readonly program: Program;
  readonly startedMs: number;
  readonly output: Readonly<Record<OutputStream, Buffer>>;
  endsAtMs: number;
  isStopped: boolean;
  /** Follows nothing but its own time, so whoever looks is told when it changes. */
  readonly wakers: Set<() => void>;
}

interface GuestParts {
  readonly time: VirtualTime;
  readonly faults: Faults;
  readonly observations: Observations;
  /** Of all hosts: whoever has a VM's login key reaches it. */
  readonly ledgers: readonly Ledger[];
}

interface OpenConnection {
  readonly process: HostProcess;
  readonly machine: HostProcess;
  readonly jobs: Map<string, RunningJob>;
  isBroken: boolean;
  readonly wakers: Set<() => void>;
}

export class Guests {
  readonly #parts: GuestParts;
  readonly #jobs = new Map<VmId, Map<string, RunningJob>>();
  readonly #starts = new Map<string, number>();
  readonly #connections = new Set<OpenConnection>();

  constructor(parts: GuestParts) {
    this.#parts = parts;
  }

  /** How a job has ended of which this host may no longer have a VM, or null. */
  endOf(vm: VmId, job: string): { readonly exitCode: number; readonly isStopped: boolean } | null {
    const found = this.#jobs.get(vm)?.get(job);
    if (found === undefined || found.endsAtMs > this.#parts.time.nowMs) return null;
    return { exitCode: found.program.exitCode, isStopped: found.isStopped };
  }

  /** When the last of the task's jobs ends, or has ended; 0 when it had none. */
  busyUntilMs(task: TaskId): number {
    const jobs = [...this.#jobs.values()].flatMap((ofVm) => [...ofVm.values()]);
    return Math.max(0, ...jobs.filter(({ name }) => name.startsWith(task)).map(({ endsAtMs }) => endsAtMs));
  }

  /** Every connection into a guest is cut; the jobs go on. */
  cutConnections(): void {
    for (const connection of this.#connections) breakConnection(connection);
  }

  usedBy(process: HostProcess): ConnectGuest {
    return async ({ vm }, signal) => {
      const { faults, ledgers } = this.#parts;
      const ledger = ledgers.find(({ host }) => host === process.host);
      const find = () => ledger?.machine(vm) ?? null;
      const machine = await faults.effect(process, `guest.connect ${vm}`, find, 60);
      signal.throwIfAborted();
      if (ledger?.states.some(({ record }) => record.vm === vm) !== true) {
        throw new VmTaskError('vm-lost', `${vm} has no login key on this host any more`);
      }
      if (machine === null || faults.happens('guestBreaks')) throw new VmTaskError('ssh-unreachable', 'refused');
      return this.#open(process, machine, vm);
    };
  }

  #open(process: HostProcess, machine: HostProcess, vm: VmId): Guest {
    const jobs = this.#jobs.get(vm) ?? this.#boot(machine, vm);
    const connection: OpenConnection = { process, machine, jobs, isBroken: false, wakers: new Set() };
    this.#connections.add(connection);
    machine.onDeath(() => breakConnection(connection));
    return {
      run: (job, { from = { stdout: 0, stderr: 0 }, signal }) => this.#follow(connection, job, from, signal),
      stop: ({ name }, { graceMs }) =>
        this.#ask(connection, `guest.stop ${name}`, () => this.#stop(jobs, name, graceMs)),
      status: ({ name }) => this.#ask(connection, `guest.status ${name}`, () => statusOf(jobs.get(name), this.#nowMs)),
      complete: async () => 'over',
      collect: async () => ({ collected: [], refused: [], unmatched: [] }),
      place: async ({ folder }) => `/root/${folder}`,
      [Symbol.asyncDispose]: async () => void this.#connections.delete(connection),
    };
  }

  #boot(machine: HostProcess, vm: VmId): Map<string, RunningJob> {
    const jobs = new Map<string, RunningJob>();
    this.#jobs.set(vm, jobs);
    // Nobody will ever know how they would have ended.
    machine.onDeath(() => {
      for (const { name, endsAtMs } of jobs.values()) if (endsAtMs > this.#nowMs) jobs.delete(name);
    });
    return jobs;
  }

  get #nowMs(): number {
    return this.#parts.time.nowMs;
  }

  async #ask<T>(connection: OpenConnection, what: string, perform: () => T): Promise<T> {
    const { faults, observations } = this.#parts;
    throwIfBroken(connection);
    const answer = await faults.effect(connection.process, what, () => (connection.isBroken ? null : perform()));
    if (faults.happens('guestBreaks')) {
      observations.sometimes('a connection to a guest broke');
      breakConnection(connection);
    }
    throwIfBroken(connection);
    return answer as T;
  }

  #begin(jobs: Map<string, RunningJob>, job: Job): { running: RunningJob; attached: boolean } {
    const found = jobs.get(job.name);
    if (found !== undefined) return { running: found, attached: true };
    const { observations } = this.#parts;
    const starts = (this.#starts.get(job.name) ?? 0) + 1;
    this.#starts.set(job.name, starts);
    if (starts > 1) observations.broken('I8', `${job.name} was started ${starts} times`);
    const program = programOf(job.program);
    const output = {
      stdout: outputOf(job.name, 'stdout', program),
      stderr: job.name.endsWith('main') ? outputOf(job.name, 'stderr', program) : Buffer.alloc(0),
    };
    const startedMs = this.#nowMs;
    const endsAtMs = startedMs + program.ms;
    const running = {
      name: job.name,
      program,
      startedMs,
      output,
      endsAtMs,
      isStopped: false,
      wakers: new Set<() => void>(),
    };
    jobs.set(job.name, running);
    return { running, attached: false };
  }

  #stop(jobs: Map<string, RunningJob>, name: string, graceMs: number): void {
    const job = jobs.get(name);
    if (job === undefined || job.endsAtMs <= this.#nowMs) return;
    job.isStopped = true;
    job.endsAtMs = Math.min(job.endsAtMs, this.#nowMs + this.#parts.faults.between(0, graceMs));
    for (const wake of [...job.wakers]) wake();
  }

  async *#follow(
    connection: OpenConnection,
    job: Job,
    from: Readonly<Record<OutputStream, number>>,
    signal: AbortSignal,
  ): AsyncGenerator<JobEvent, void> {
    const next = { ...from };
    const what = `guest.start ${job.name}`;
    const { running, attached } = await this.#ask(connection, what, () => this.#begin(connection.jobs, job));
    if (attached) this.#parts.observations.sometimes('a job was found running or ended');
    yield { kind: 'running', attached };
    for (;;) {
      signal.throwIfAborted();
      throwIfBroken(connection);
      const written = writtenOf(running, this.#nowMs);
      for (const stream of ['stdout', 'stderr'] as const) {
        const bytes = running.output[stream].subarray(next[stream], written[stream]);
        if (bytes.length === 0) continue;
        const offset = next[stream];
        next[stream] += bytes.length;
        yield { kind: 'output', stream, offset, bytes: Buffer.from(bytes) };
      }
      if (running.endsAtMs <= this.#nowMs) {
        const all = writtenOf(running, running.endsAtMs);
        if (all.stdout > next.stdout || all.stderr > next.stderr) continue;
        yield { kind: 'ended', end: endOf(running, all) };
        return;
      }
      await this.#wait(connection, running, signal);
    }
  }

  /** Until the job may have written more, has been stopped, or nobody can know any more. */
  #wait(connection: OpenConnection, job: RunningJob, signal: AbortSignal): Promise<void> {
    const { time, faults, observations } = this.#parts;
    const stepMs = Math.max(1, job.program.ms / chunksPerJob);
    const untilMs = Math.min(stepMs - ((this.#nowMs - job.startedMs) % stepMs), job.endsAtMs - this.#nowMs);
    if (faults.happens('guestBreaks')) {
      observations.sometimes('a connection to a guest broke');
      time.after(faults.between(0, untilMs), null, () => breakConnection(connection));
    }
    return new Promise<void>((resolve) => {
      const wake = () => {
        timer.cancel();
        connection.wakers.delete(soon);
        job.wakers.delete(soon);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      // What comes over the network is taken by the process that waits for it.
      const timer = time.after(untilMs + 0.01, connection.process, wake);
      const soon = () => void time.after(0.1, connection.process, wake);
      connection.wakers.add(soon);
      job.wakers.add(soon);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

function breakConnection(connection: OpenConnection): void {
  connection.isBroken = true;
  for (const wake of [...connection.wakers]) wake();
  connection.wakers.clear();
}

function throwIfBroken({ isBroken, machine }: OpenConnection): void {
  if (isBroken || !machine.isAlive) throw new VmTaskError('ssh-lost', 'the connection is lost');
}

function programOf(program: JobProgram): Program {
  return readProgram(program.kind === 'command' ? program.argv.join(' ') : program.script);
}

/** So many bytes are there at a time: a share of them at each of a few moments, the rest at the end. */
function writtenOf({ output, program, startedMs, endsAtMs }: RunningJob, nowMs: number): Record<OutputStream, number> {
  const untilMs = Math.min(nowMs, endsAtMs) - startedMs;
  const share =
    program.ms === 0 ? 1 : Math.min(1, Math.floor((untilMs / program.ms) * chunksPerJob + 1e-9) / chunksPerJob);
  return { stdout: Math.floor(output.stdout.length * share), stderr: Math.floor(output.stderr.length * share) };
}

const sigterm = 15;

function outcomeOf({ program, isStopped }: RunningJob): JobOutcome {
  return isStopped ? { kind: 'signalled', signal: sigterm } : { kind: 'exited', code: program.exitCode };
}

function endOf(job: RunningJob, written: Record<OutputStream, number>): JobEnd {
  const totals = (stream: OutputStream) => {
    const bytes = job.output[stream].subarray(0, written[stream]);
    return { seenBytes: bytes.length, storedBytes: bytes.length, droppedBytes: 0, tail: bytes };
  };
  return {
    outcome: outcomeOf(job),
    outOfMemory: false,
    stopped: job.isStopped,
    ranMs: job.endsAtMs - job.startedMs,
    stdout: totals('stdout'),
    stderr: totals('stderr'),
    result: null,
  };
}

function statusOf(job: RunningJob | undefined, nowMs: number) {
  if (job === undefined) return { kind: 'absent' } as const;
  if (job.endsAtMs > nowMs) return { kind: 'running' } as const;
  return { kind: 'ended', outcome: outcomeOf(job) } as const;
}
