/** A worker on the events of `startBroker`, until its block ends, and what is seen of it. */
import type { Handling, WorkerRow, WorkOptions } from '@vm-task/bus/bus';
import type { HandlerOutcome } from '@vm-task/bus/outcome';
import type { Draft, Stored } from '@vm-task/shared/events';
import type { Broker } from './broker.ts';

const never = new AbortController().signal;
const scope = { pool: 'default', host: 'host-1' };

/** The sequence of an event that must have been stored. */
export async function append({ bus }: Pick<Broker, 'bus'>, draft: Draft, expectedSeq: number): Promise<number> {
  const appended = await bus.append(draft, expectedSeq, never);
  if (appended.kind === 'conflict') throw new Error(`conflict with ${appended.head?.type}`);
  return appended.event.seq;
}

/** Handles the row's events until the block ends. */
export function workEvents(
  { bus }: Pick<Broker, 'bus'>,
  row: WorkerRow,
  handle: (handling: Handling<Stored>) => Promise<HandlerOutcome>,
  options: Partial<WorkOptions> = {},
): AsyncDisposable {
  const stop = new AbortController();
  const working = bus.workEvents(row, handle, { slots: 1, stop: stop.signal, abort: stop.signal, scope, ...options });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await working;
    },
  };
}

/** The subject of the last alert, if there is one. */
export async function alerts({ connection }: Broker): Promise<string[]> {
  const message = await connection.jsm.streams.getMessage('EVENTS', { last_by_subj: 'alert.raised.*.*.*.*' });
  return message === null ? [] : [message.subject];
}

/** Something was delivered, and nothing is left to do. */
export async function settled({ connection }: Broker, name: string): Promise<boolean> {
  const info = await connection.jsm.consumers.info('EVENTS', name);
  return info.delivered.consumer_seq > 0 && info.num_ack_pending === 0 && info.num_pending === 0;
}
