/** The end of a task that no process's answer decided: it never started, or nobody waits for it any longer. */
import type { ErrorInfo } from './errors.ts';
import type { Draft, HostToken, Outcome } from './events.ts';
import type { TaskId, VmId } from './ids.ts';

export interface UnrunEnding {
  readonly task: TaskId;
  readonly pool: string;
  readonly attempt: number;
  /** The VM that this releases, if the attempt has one. */
  readonly vm: VmId | null;
  readonly outcome: Exclude<Outcome, 'succeeded'>;
  readonly error: ErrorInfo | null;
  /** The host of the attempt's VM; without one, the host that says it, or `any` where control does. */
  readonly host: HostToken;
}

export function unrunEnding({ host, ...ending }: UnrunEnding): Draft<'task.completed'> {
  const nothing = { exitCode: null, signal: null, result: null, output: null, artifacts: [], processMs: null };
  return { type: 'task.completed', data: { v: 1, ...ending, ...nothing }, host };
}
