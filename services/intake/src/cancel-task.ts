/** Asking for a task's end: one `task.cancelling` behind its last event, read again for as long as others are faster. */

import type { Bus } from '@vm-task/bus/bus';
import { attemptAt, vmNamedBy } from '@vm-task/shared/attempt-at';
import { anyHost, type Draft, type Head, isTaskEnd, type Outcome } from '@vm-task/shared/events';
import { ownershipOf, type Principal } from '@vm-task/shared/people';
import type { TaskKey } from '@vm-task/shared/subjects';

export interface CancelRequest {
  readonly by: string;
  readonly reason: string;
  readonly principal?: Principal | undefined;
}

export type Cancelled =
  /** It is being cancelled, since the event `seq`. */
  | { readonly kind: 'cancelling'; readonly seq: number }
  /** Too late: it has ended, in this way; `unknown` for an end that cannot be read here. */
  | { readonly kind: 'over'; readonly outcome: Outcome | 'unknown' }
  /** There is no such task, or no longer. */
  | { readonly kind: 'unknown' };

export async function cancelTask(
  bus: Pick<Bus, 'head' | 'append'>,
  taskKey: TaskKey,
  request: CancelRequest,
  signal: AbortSignal,
): Promise<Cancelled> {
  let head = await bus.head(taskKey);
  for (;;) {
    const decided = decideCancel(taskKey, request, head);
    if (decided.kind !== 'append') return decided;
    const appended = await bus.append(decided.draft, decided.expectedSeq, signal);
    if (appended.kind === 'stored') return { kind: 'cancelling', seq: appended.event.seq };
    head = appended.head;
  }
}

type Decision =
  | Cancelled
  | { readonly kind: 'append'; readonly draft: Draft<'task.cancelling'>; readonly expectedSeq: number };

function decideCancel({ pool, task }: TaskKey, { by, reason, principal }: CancelRequest, head: Head | null): Decision {
  if (head === null) return { kind: 'unknown' };
  if (head.type === 'task.completed') return { kind: 'over', outcome: head.data.outcome };
  if (isTaskEnd(head)) return { kind: 'over', outcome: 'unknown' };
  if (head.type === 'task.cancelling') return { kind: 'cancelling', seq: head.seq };
  // Between two attempts it is for the one to come: of that no runner has anything to stop, and no host is named.
  const data = { v: 1 as const, task, pool, attempt: attemptAt(head), by, reason, ...ownershipOf({ principal }) };
  const host = vmNamedBy(head)?.host ?? anyHost;
  return { kind: 'append', draft: { type: 'task.cancelling', data, host }, expectedSeq: head.seq };
}
