/** Asking for a task's end: one `task.cancelling` at the head of its spine, read again for as long as others are faster. */

import type { Bus } from '@vm-task/bus/bus';
import { attemptAt } from '@vm-task/shared/attempt-at';
import type { Draft, Outcome, Stored } from '@vm-task/shared/events';
import type { SpineKey } from '@vm-task/shared/subjects';

export interface CancelRequest {
  readonly by: string;
  readonly reason: string;
}

export type Cancelled =
  /** It is being cancelled, since the event `seq`. */
  | { readonly kind: 'cancelling'; readonly seq: number }
  /** Too late: it has ended, in this way. */
  | { readonly kind: 'over'; readonly outcome: Outcome }
  /** There is no such task, or no longer. */
  | { readonly kind: 'unknown' };

export async function cancelTask(
  bus: Pick<Bus, 'head' | 'append'>,
  spine: SpineKey,
  request: CancelRequest,
  signal: AbortSignal,
): Promise<Cancelled> {
  let head = await bus.head(spine);
  for (;;) {
    const decided = decideCancel(spine, request, head);
    if (decided.kind !== 'append') return decided;
    const appended = await bus.append(decided.draft, decided.fence, signal);
    if (appended.kind === 'stored') return { kind: 'cancelling', seq: appended.event.seq };
    head = appended.head;
  }
}

type Decision =
  | Cancelled
  | { readonly kind: 'append'; readonly draft: Draft<'task.cancelling'>; readonly fence: number };

function decideCancel({ pool, task }: SpineKey, { by, reason }: CancelRequest, head: Stored | null): Decision {
  if (head === null) return { kind: 'unknown' };
  if (head.type === 'task.completed') return { kind: 'over', outcome: head.data.outcome };
  if (head.type === 'task.cancelling') return { kind: 'cancelling', seq: head.seq };
  // Between two attempts it is for the one to come: of that no runner has anything to stop.
  const data = { v: 1 as const, task, pool, attempt: attemptAt(head), by, reason };
  return { kind: 'append', draft: { type: 'task.cancelling', data }, fence: head.seq };
}
