/** What a check is, and what it may find. */
import type { Context } from './context.ts';

export type Status = 'pass' | 'warn' | 'fail';

/** `fix` is a command or a sentence; null where nothing is to be done. */
export interface Finding {
  readonly status: Status;
  readonly detail: string;
  readonly fix: string | null;
}

export interface Check {
  readonly name: string;
  /** Longer than the slowest answer that is still a good one; what takes longer fails. */
  readonly limitMs: number;
  /** Looks, and alters nothing. Thrown: `NotCheckable`; anything else is a finding of its own. */
  readonly look: (context: Context, signal: AbortSignal) => Promise<Finding>;
}

export function pass(detail: string): Finding {
  return { status: 'pass', detail, fix: null };
}

/** Works, but not as it should; or cannot be known. */
export function warn(detail: string, fix: string | null): Finding {
  return { status: 'warn', detail, fix };
}

export function fail(detail: string, fix: string): Finding {
  return { status: 'fail', detail, fix };
}
