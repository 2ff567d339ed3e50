/** What was added to the events is switched on once every service that is there can read it, and off again when one cannot. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@vm-task/bus/bus';
import { readFeatures, writeFeatures } from '@vm-task/bus/features';
import { readLeases } from '@vm-task/bus/host-leases';
import type { Logger } from '@vm-task/service/log';
import { versionToWrite } from '@vm-task/shared/features';

/** As often as the leases are renewed. */
const everyMs = 5_000;

interface Options {
  /** Of this service: control is upgraded before the hosts. */
  readonly version: string;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

/** Keeps the record until `stop`. */
export async function keepFeatures(bus: Bus, { version, log, stop }: Options): Promise<void> {
  while (!stop.aborted) {
    await setFeatures(bus, version, log).catch((error) => {
      if (!stop.aborted) log.warn({ err: error }, 'the record of features could not be kept; trying again');
    });
    await delay(everyMs, undefined, { signal: stop }).catch(() => undefined);
  }
}

async function setFeatures({ connection, now }: Bus, own: string, log: Logger): Promise<void> {
  const [leases, at, before] = await Promise.all([readLeases(connection), now(), readFeatures(connection)]);
  const version = versionToWrite(own, leases, at.getTime());
  if (version === null || version === before?.version) return;
  await writeFeatures(connection, { v: 1, version });
  log.info({ version, before: before?.version ?? null }, 'every service can read what this version writes');
}
