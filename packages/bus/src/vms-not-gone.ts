/** VMs by the log alone: which were there, and are not said to be gone. */
import type { Head, HostToken, Stored } from '@vm-task/shared/events';
import type { VmId } from '@vm-task/shared/ids';
import type { Connection } from './connection.ts';
import { decode } from './envelope.ts';
import { follow } from './follow.ts';

/** Of one host, each by its `vm.ready`, in their order. Reads all of both that the stream has. */
export async function readVmsNotGone(connection: Connection, host: HostToken): Promise<Stored<'vm.ready'>[]> {
  const found = new Map<VmId, Stored<'vm.ready'>>();
  for await (const event of eventsOn(connection, `vm.ready.*.*.${host}`)) {
    if (event.type === 'vm.ready') found.set(event.data.vm, event);
  }
  for await (const event of eventsOn(connection, `vm.gone.*.*.${host}`)) {
    if (event.type === 'vm.gone') found.delete(event.data.vm);
  }
  return [...found.values()];
}

/** All that the stream has there now. */
async function* eventsOn(connection: Connection, filter: string): AsyncGenerator<Head, void, void> {
  const last = await connection.jsm.streams.getMessage('EVENTS', { last_by_subj: filter });
  if (last === null) return;
  const signal = new AbortController().signal;
  for await (const { message } of follow(connection, { stream: 'EVENTS', filter, from: 1, signal })) {
    const decoded = decode(message);
    if (decoded.kind === 'event') yield decoded.event;
    if (message.seq >= last.seq) return;
  }
}
