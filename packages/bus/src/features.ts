/** The record `features`: kept by control, looked at again and again by every service that writes events. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Features, featuresSchema } from '@vm-task/shared/features';
import { tolerant } from '@vm-task/shared/tolerant';
import type { Logger } from 'pino';
import type { Connection } from './connection.ts';

const stream = 'KV_features';
const subject = '$KV.features.events';

const readerSchema = tolerant(featuresSchema);

/** After a change of the record, writers go by it so soon. */
const everyMs = 5_000;

/** Null where there is none, or none that this version can read. */
export async function readFeatures({ jsm }: Connection): Promise<Features | null> {
  const message = await jsm.streams.getMessage(stream, { last_by_subj: subject });
  if (message === null) return null;
  try {
    return readerSchema.parse(JSON.parse(Buffer.from(message.data).toString('utf8')));
  } catch {
    return null;
  }
}

/** Returns once the broker has it. Only control may. */
export async function writeFeatures({ js }: Connection, features: Features): Promise<void> {
  await js.publish(subject, JSON.stringify(featuresSchema.parse(features)));
}

/** What the record said last. */
export interface FollowedFeatures {
  /** Null before it was read, and where there is none: then nothing is on. */
  readonly version: string | null;
}

/** Looks until `stop`. While the broker is away, what it said last holds. */
export function followFeatures(
  connection: Connection,
  { log, stop }: { readonly log: Logger; readonly stop: AbortSignal },
): FollowedFeatures {
  const followed: { version: string | null } = { version: null };
  void (async () => {
    while (!stop.aborted) {
      await readFeatures(connection).then(
        (features) => {
          followed.version = features?.version ?? null;
        },
        (error) => {
          if (!stop.aborted) log.warn({ err: error }, 'the record of features could not be read; looking again');
        },
      );
      await delay(everyMs, undefined, { signal: stop }).catch(() => undefined);
    }
  })();
  return followed;
}
