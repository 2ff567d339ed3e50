/**
 * Making streams, buckets and consumers, and reading back what a service relies on. A difference between what was
 * asked for and what the server has is an error that names the setting: old servers drop newer settings silently.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { JetStreamApiError, type StreamConfig } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { VmTaskError } from '@vm-task/shared/errors';
import type { StreamName } from '@vm-task/shared/stream-name';
import type { Logger } from 'pino';
import { throwIfHopeless } from './answers.ts';
import type { Connection } from './connection.ts';
import { buckets, objectStores, type StreamDefinition, streams } from './streams.ts';
import { consumerConfig, type WorkerDefinition } from './work.ts';

/** The broker's code for a durable of that name that is not as asked for. */
const consumerExists = 10148;
/** Between two tries while the broker is away. */
const pauseMs = 1_000;

/** Makes what is missing and brings what is there to its definition. For the one user who may: the system itself. */
export async function makeStreams(connection: Connection): Promise<void> {
  for (const definition of Object.values(streams)) await makeStream(connection, definition);
  const kvm = new Kvm(connection.js);
  for (const [name, { ttlMs }] of Object.entries(buckets)) await kvm.create(name, { ttl: ttlMs, history: 1 });
  const objm = new Objm(connection.js);
  for (const [name, { ttlMs }] of Object.entries(objectStores)) {
    await objm.create(name, { ttl: ttlMs * 1_000_000 });
  }
}

async function makeStream({ jsm }: Connection, definition: StreamDefinition): Promise<void> {
  const names = await jsm.streams.names().next();
  if (names.includes(definition.name)) await jsm.streams.update(definition.name, definition);
  else await jsm.streams.add(definition);
}

/** Thrown: `stream-altered` when a stream is missing or not as defined. */
export async function readBackStreams(connection: Connection, names: readonly StreamName[]): Promise<void> {
  for (const name of names) await readBack(connection, name, streams[name]);
}

async function readBack({ jsm }: Connection, name: string, wanted: Partial<StreamConfig>): Promise<void> {
  const info = await jsm.streams.info(name).catch((error: Error) => {
    throwIfHopeless(error);
    throw new VmTaskError('stream-altered', `stream ${name} cannot be read: ${error.message}. ./vm-task up makes it`, {
      cause: error,
    });
  });
  const found = info.config as unknown as Record<string, unknown>;
  requireSame(`stream ${name}`, wanted, found, 'Run ./vm-task up to set it right');
}

/** What of all that `makeStreams` makes is missing or not as defined, by the stream's name, with why: `stream-altered`. */
export async function alteredStreams(connection: Connection): Promise<ReadonlyMap<string, VmTaskError>> {
  const stores = [
    ...Object.entries(buckets).map(([name, { ttlMs }]) => ({ name: `KV_${name}`, ttlMs })),
    ...Object.entries(objectStores).map(([name, { ttlMs }]) => ({ name: `OBJ_${name}`, ttlMs })),
  ];
  const altered = new Map<string, VmTaskError>();
  const look = async (name: string, reading: Promise<void>) => {
    await reading.catch((error) => {
      if (!(error instanceof VmTaskError && error.code === 'stream-altered')) throw error;
      altered.set(name, error);
    });
  };
  await Promise.all([
    ...Object.values(streams).map(({ name }) => look(name, readBackStreams(connection, [name]))),
    ...stores.map(({ name, ttlMs }) => look(name, readBack(connection, name, { max_age: ttlMs * 1_000_000 }))),
  ]);
  return altered;
}

/** As `makeConsumer`, and waits for a broker that is away, until `stop`. Thrown: what waiting cannot heal. */
export async function ensureConsumer(
  connection: Connection,
  worker: WorkerDefinition,
  { stop, log }: { readonly stop: AbortSignal; readonly log: Logger },
): Promise<void> {
  while (!stop.aborted) {
    try {
      return await makeConsumer(connection, worker);
    } catch (error) {
      throwIfHopeless(error);
      if (error instanceof VmTaskError) throw error;
      log.warn({ err: error, consumer: worker.name }, 'the broker did not make the consumer; trying again');
      await delay(pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

/** Makes the durable, or brings the one that is there to its definition. Thrown: `stream-altered` where it cannot be. */
export async function makeConsumer({ jsm }: Connection, worker: WorkerDefinition): Promise<void> {
  const wanted = consumerConfig(worker);
  const { config } = await jsm.consumers.add(worker.stream, wanted).catch(async (error: unknown) => {
    if (!(error instanceof JetStreamApiError && error.code === consumerExists)) throw error;
    // What a server does not alter in a consumer, it refuses: then what differs is told.
    const refused = () => jsm.consumers.info(worker.stream, worker.name);
    return jsm.consumers.update(worker.stream, worker.name, wanted).catch(refused);
  });
  const found: Record<string, unknown> = { ...config };
  // The server hands a single filter back in the singular form.
  if (config.filter_subject !== undefined) found['filter_subjects'] = [config.filter_subject];
  const remedy = 'Delete the consumer: it is made anew, and nothing is done twice';
  requireSame(`consumer ${worker.name}`, wanted, found, remedy);
}

function requireSame(what: string, wanted: object, found: Record<string, unknown>, remedy: string): void {
  for (const [key, value] of Object.entries(wanted)) {
    const have = found[key];
    if (JSON.stringify(have) === JSON.stringify(value) || (have === undefined && value === false)) continue;
    throw new VmTaskError(
      'stream-altered',
      `${what}: ${key} is ${JSON.stringify(have)} and must be ${JSON.stringify(value)}. ${remedy}, or upgrade nats-server`,
    );
  }
}
