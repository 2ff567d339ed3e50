/** What runs in a guest, what is heard of it while it runs, and how it ends. */
import type { VmId } from '@vm-task/shared/ids';
import type { Json } from '@vm-task/shared/json';

export type JobProgram =
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  /** The script becomes a file in the guest, so it may have megabytes; its path is appended to `runtime`. */
  | { readonly kind: 'script'; readonly script: string; readonly runtime: readonly string[] };

/** Nothing in here is ever evaluated on its way: every text arrives byte for byte (I11). */
export interface Job {
  /** 1 to 64 of a-z, 0-9 and inner dashes, from attempt and step: two jobs of one name are one job (I8). */
  readonly name: string;
  /** On a machine of somebody's own: the lease that the job is part of (machine-lease.ts). */
  readonly lease?: VmId;
  readonly program: JobProgram;
  /** Absolute, or relative to the login's home; made when it is missing. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Environment as `env` is, winning over it; in the guest's memory only, never in a file. */
  readonly secrets: Readonly<Record<string, string>>;
  /** In the JSON file `$VM_TASK_INPUTS`, and as `VM_TASK_INPUT_<NAME>` (see job-environment.ts). */
  readonly inputs: Readonly<Record<string, Json>>;
  /** In the JSON file `$VM_TASK_NEEDS`; without it the variable is not set. */
  readonly needs?: Readonly<Record<string, Json>>;
  readonly stdin: string | Uint8Array;
  readonly limits: JobLimits;
  /** Of each stream, so many bytes are kept; what comes after is read, counted and dropped. */
  readonly outputMaxBytes: number;
}

/** Held by a control group of the job's own, where the guest lets us make one; without one they do not hold. */
export interface JobLimits {
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly processes?: number;
}

export type OutputStream = 'stdout' | 'stderr';
export type Offsets = Readonly<Record<OutputStream, number>>;

export type JobEvent =
  /** The job is in the guest; `attached` when it was there before, started by an earlier call. */
  | { readonly kind: 'running'; readonly attached: boolean }
  /** Bytes in order and without a gap, per stream, from the offset that was asked for. */
  | { readonly kind: 'output'; readonly stream: OutputStream; readonly offset: number; readonly bytes: Buffer }
  /** The job cannot reach us from inside, and runs without. Before `running`. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The last event, after all output. */
  | { readonly kind: 'ended'; readonly end: JobEnd };

export type JobOutcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: number }
  /** The program was never executed: no such file, no permission, arguments too long. */
  | { readonly kind: 'not-started'; readonly reason: string }
  /** Nobody can know how it ended: its supervisor died, or the guest was restarted (I9). */
  | { readonly kind: 'lost'; readonly reason: string };

export interface JobEnd {
  readonly outcome: JobOutcome;
  /** The kernel killed something of the job because memory ran out. */
  readonly outOfMemory: boolean;
  /** `stopJob` was called before it ended. */
  readonly stopped: boolean;
  /** From the program's start to its end, by the guest's monotonic clock; null where nobody can know. */
  readonly ranMs: number | null;
  readonly stdout: StreamTotals;
  readonly stderr: StreamTotals;
  /**
   * The first `resultMaxBytes` + 1 bytes of the file `$VM_TASK_RESULT`, or null where there is none. `not-written`: the
   * machine's disk was full, and the file is not what the job wrote into it.
   */
  readonly result: Buffer | 'not-written' | null;
}

export interface StreamTotals {
  readonly seenBytes: number;
  readonly storedBytes: number;
  /** Seen but not stored: the stream is truncated when this is above 0. */
  readonly droppedBytes: number;
  /** The last bytes that were seen, at most 64 KiB. */
  readonly tail: Buffer;
}

/** Which job is meant. */
export type JobKey = Pick<Job, 'name' | 'lease'>;

export type JobStatus =
  | { readonly kind: 'absent' }
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly outcome: JobOutcome };

/** A result may have so many bytes; one byte more is read, to tell a result that is too large. */
export const resultMaxBytes = 256 * 1024;
