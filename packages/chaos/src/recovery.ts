/** How long it takes until what was disturbed works again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@vm-task/bus/connection';
import { readState } from '@vm-task/embedded/state';
import type { Stored } from '@vm-task/shared/events';
import type { Home } from '@vm-task/shared/home';
import type { Deed } from './disturber.ts';

export interface Recovery {
  readonly target: Deed['target'];
  readonly act: Deed['act'];
  /** From the signal; from SIGCONT where it was stopped. */
  readonly ms: number;
}

const lookEveryMs = 50;

/**
 * Of a service: until another process of it says that it is ready. Of the broker: until it answers a question about a
 * stream. Null for what shows otherwise (a machine: `recoveriesOfMachines`), and when `signal` aborts before.
 */
export async function timeRecovery(
  deed: Deed,
  { home, connection, signal }: { home: Home; connection: Connection; signal: AbortSignal },
): Promise<Recovery | null> {
  const { target, act, pid, lastsMs } = deed;
  if (target === 'machine' || (act === 'stop' && target !== 'nats-server')) return null;
  const from = deed.at.getTime() + (act === 'stop' ? lastsMs : 0);
  const answers = async () => (await connection.jsm.streams.info('EVENTS').catch(() => null)) !== null;
  const isReplaced = () => {
    const service = readState(home)?.services.find(({ name }) => name === target);
    return service?.state === 'ready' && service.pid !== pid;
  };
  const works = target === 'nats-server' ? answers : isReplaced;
  while (!signal.aborted) {
    if (Date.now() >= from && (await works())) return { target, act, ms: Math.max(0, Date.now() - from) };
    await delay(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
  return null;
}

/** Of a machine that was killed while a task had it: until the task has moved on. */
export function recoveriesOfMachines(deeds: readonly Deed[], events: readonly Stored[]): Recovery[] {
  return deeds.flatMap(({ at, target, act, vm }) => {
    if (target !== 'machine' || act !== 'kill') return [];
    const moved = events.find(
      (event) =>
        (event.type === 'task.retrying' || event.type === 'task.completed') && event.data.vm === vm && event.time > at,
    );
    return moved === undefined ? [] : [{ target, act, ms: moved.time.getTime() - at.getTime() }];
  });
}

/** The longest time in which no event was stored although a task was in flight. */
export function longestSilenceMs(events: readonly Stored[]): number {
  let inFlight = 0;
  let longest = 0;
  for (const [index, { type, time }] of events.entries()) {
    if (type === 'task.created') inFlight += 1;
    if (type === 'task.completed') inFlight -= 1;
    const next = events[index + 1]?.time ?? time;
    if (inFlight > 0) longest = Math.max(longest, next.getTime() - time.getTime());
  }
  return longest;
}
