/** What a look at one matter of this host has found, as `vm-task doctor` shows it. */

export type Status = 'pass' | 'warn' | 'fail';

/** `fix` is a command or a sentence; null where nothing is to be done. */
export interface Finding {
  readonly status: Status;
  readonly detail: string;
  readonly fix: string | null;
}

/** Thrown where something that another check reports is in the way: then this one says nothing about its own matter. */
export class NotCheckable extends Error {
  override readonly name = 'NotCheckable';
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
