import { type Head, isTaskEnd, type Stored } from './events.ts';
import type { VmId } from './ids.ts';

/** The attempt that is under way, or is to come, when `head` is the last word on its task. */
export function attemptAt(head: Head): number {
  const known = lastKnown(head);
  if (known?.type === 'task.retrying') return known.data.next;
  return known !== null && 'attempt' in known.data ? known.data.attempt : 1;
}

/** The VM and the host that an attempt has had since one of these events; null for any other event. */
export function vmNamedBy(head: Head): { readonly id: VmId; readonly host: string } | null {
  const known = lastKnown(head);
  if (known?.type !== 'vm.ready' && known?.type !== 'task.resumed') return null;
  return { id: known.data.vm, host: known.host };
}

/** The last word on the task, where it is that this attempt is to be cancelled; null for one that came behind a later attempt. */
export function cancellingOf(attempt: number, head: Head | null): Stored<'task.cancelling'> | null {
  return head?.type === 'task.cancelling' && head.data.attempt === attempt ? head : null;
}

/** True when somebody else goes on with the attempt: another runner, or a service of a later version. */
export function isTakenOver(head: Head | null): boolean {
  return head?.type === 'task.resumed' || (head?.type === 'unknown' && !isTaskEnd(head));
}

function lastKnown(head: Head): Stored | null {
  return head.type === 'unknown' ? head.before : head;
}
