/** VMs by the log alone: which were there, and are not said to be gone. */
import type { Stored } from '@vm-task/shared/events';
import type { VmId } from '@vm-task/shared/ids';
import { eventPatterns } from '@vm-task/shared/subjects';
import type { Connection } from './connection.ts';
import { unseal } from './envelope.ts';
import { follow } from './follow.ts';

const filters = [eventPatterns['vm.ready'], eventPatterns['vm.gone']];

/** Each by its `vm.ready`, in their order. Reads all of both that the stream has. Thrown: `unreadable-event`. */
export async function readVmsNotGone(connection: Connection): Promise<Stored<'vm.ready'>[]> {
  const lasts = await Promise.all(
    filters.map((last_by_subj) => connection.jsm.streams.getMessage('EVENTS', { last_by_subj })),
  );
  const lastSeq = Math.max(0, ...lasts.map((message) => message?.seq ?? 0));
  const found = new Map<VmId, Stored<'vm.ready'>>();
  if (lastSeq === 0) return [];
  const signal = new AbortController().signal;
  for await (const { message } of follow(connection, { stream: 'EVENTS', filters, from: 1, signal })) {
    const event = unseal(message);
    if (event.type === 'vm.ready') found.set(event.data.vm, event);
    if (event.type === 'vm.gone') found.delete(event.data.vm);
    if (message.seq >= lastSeq) break;
  }
  return [...found.values()];
}
