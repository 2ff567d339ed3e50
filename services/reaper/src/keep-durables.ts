/** Durables that somebody has deleted are made again: their workers wait for them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@vm-task/bus/connection';
import { makeDurables } from '@vm-task/bus/provision';
import type { Logger } from '@vm-task/service/log';
import type { Durable } from '@vm-task/shared/flow';

const everyMs = 10_000;

export async function keepDurables(
  connection: Connection,
  durables: readonly Durable[],
  { log, stop }: { readonly log: Logger; readonly stop: AbortSignal },
): Promise<void> {
  while (!stop.aborted) {
    await makeDurables(connection, durables).catch((error) => {
      if (!stop.aborted) log.warn({ err: error }, 'the durables could not be looked at; looking again');
    });
    await delay(everyMs, undefined, { signal: stop }).catch(() => undefined);
  }
}
