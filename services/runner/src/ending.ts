/** How an attempt ends, as its one `task.completed`: pure, so every way to end is a line in a test. */
import { constants } from 'node:os';
import type { JobEnd, JobLimits, StreamTotals } from '@vm-task/guest/job';
import { type ErrorCode, type ErrorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { Draft, EventData } from '@vm-task/shared/events';

type Completed = EventData<'task.completed'>;
type Ready = EventData<'vm.ready'>;

/** What the exit status alone says. */
export type AttemptOutcome = Pick<Completed, 'outcome' | 'exitCode' | 'signal' | 'error'>;

/** Errors that are the attempt's own end. Any other is the runner's trouble: the message is handled again. */
const endings: ReadonlySet<ErrorCode> = new Set([
  'invalid-task',
  'invalid-id',
  'secret-unusable',
  'runtime-not-found',
  'setup-failed',
  'ssh-host-key-mismatch',
  'ssh-auth-failed',
  'guest-failed',
  'needed-result-gone',
  'needed-files-too-large',
  'vm-lost',
  'artifact-refused',
]);

export function endsTheAttempt(error: unknown): error is VmTaskError {
  return error instanceof VmTaskError && endings.has(error.code);
}

/** The attempt failed before, or apart from, its main process. */
export function failed(ready: Ready, error: ErrorInfo): Draft<'task.completed'> {
  return completed(ready, { outcome: 'failed', exitCode: null, signal: null, error });
}

/** Why an attempt was stopped, and so what it is called however its process takes it. */
export type Stop =
  | { readonly outcome: 'cancelled'; readonly error: null }
  | { readonly outcome: 'timed_out'; readonly error: ErrorInfo };

/** Stopped without a process whose end could be told. */
export function stopped(ready: Ready, stop: Stop): Draft<'task.completed'> {
  return completed(ready, { ...stop, exitCode: null, signal: null });
}

export function completed(
  ready: Ready,
  attemptOutcome: AttemptOutcome,
  more: Partial<Completed> = {},
): Draft<'task.completed'> {
  const { task, pool, attempt, vm, host } = ready;
  return {
    type: 'task.completed',
    host,
    data: {
      v: 1,
      task,
      pool,
      attempt,
      vm,
      result: null,
      output: null,
      artifacts: [],
      processMs: null,
      ...more,
      ...attemptOutcome,
    },
  };
}

/** Succeeded means exit code 0 and nothing else (I9). `stop`: why the process was stopped, or null. */
export function attemptOutcomeOf(
  { outcome, outOfMemory }: JobEnd,
  { memoryBytes = 0 }: JobLimits,
  stop: Stop | null,
): AttemptOutcome {
  switch (outcome.kind) {
    case 'exited':
    case 'signalled': {
      const exitCode = outcome.kind === 'exited' ? outcome.code : null;
      const signal = outcome.kind === 'signalled' ? signalName(outcome.signal) : null;
      if (stop !== null) return { ...stop, exitCode, signal };
      if (exitCode === 0) return { outcome: 'succeeded', exitCode, signal, error: null };
      return { outcome: 'failed', exitCode, signal, error: outOfMemory ? memoryError(memoryBytes) : null };
    }
    case 'not-started':
      return { ...unknown, error: { code: 'process-not-started', message: `cannot execute ${outcome.reason}` } };
    case 'lost':
      return {
        ...unknown,
        error: { code: 'process-lost', message: `the process has no exit status: ${outcome.reason}` },
      };
  }
}

/** What was left and cannot be taken fails what had ended well; of what was stopped it is only said. */
export function outcomeWith(own: AttemptOutcome, problem: ErrorInfo | null): AttemptOutcome {
  if (problem === null || own.outcome === 'cancelled') return own;
  if (own.outcome !== 'timed_out') return { ...own, outcome: 'failed', error: own.error ?? problem };
  const { code, message } = own.error ?? problem;
  return { ...own, error: { code, message: `${message}; not all that it left could be taken: ${problem.message}` } };
}

const unknown = { outcome: 'failed', exitCode: null, signal: null } as const;

/** True when the program was executed and its end is known: only then can it have left anything. */
export function hasRun({ outcome }: JobEnd): boolean {
  return outcome.kind === 'exited' || outcome.kind === 'signalled';
}

/** What was written and what was kept of it: they differ exactly when the output was cut. */
export function outputOf({ stdout, stderr }: JobEnd): NonNullable<Completed['output']> {
  const bytes = ({ seenBytes, storedBytes }: StreamTotals) => ({ seenBytes, storedBytes });
  return { stdout: bytes(stdout), stderr: bytes(stderr) };
}

function memoryError(memoryBytes: number): ErrorInfo {
  const limit = `${Math.floor(memoryBytes / 1024 / 1024)} MiB`;
  return {
    code: 'out-of-memory',
    message: `the process needed more than the ${limit} that it may have; ask for more with resources.memoryMiB`,
  };
}

export function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `SIG${number}`;
}
