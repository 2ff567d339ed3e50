import type { Stored } from './events.ts';

/** The attempt that is under way, or is to come, when `head` is the last word on its task. */
export function attemptAt(head: Stored): number {
  if (head.type === 'task.retrying') return head.data.next;
  return 'attempt' in head.data ? head.data.attempt : 1;
}
