/**
 * Making streams, buckets and durables, and reading back what a service relies on. Only the system itself makes and
 * alters them, and only by adding: a service of an older version finds all that it needs beside what is newer. What is
 * read back has to be *at least* what was asked for: old servers drop newer settings silently.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type ConsumerConfig, JetStreamApiError, type StreamConfig } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Durable } from '@vm-task/shared/flow';
import type { StreamName } from '@vm-task/shared/stream-name';
import type { Logger } from 'pino';
import { throwIfNonRetryable } from './answers.ts';
import type { Connection } from './connection.ts';
import {
  artifactsMaxAgeMs,
  artifactsMaxBytes,
  artifactsOf,
  buckets,
  type StreamDefinition,
  streams,
} from './streams.ts';
import { consumerConfig } from './work.ts';

/** The broker's code for a durable that is not there. */
const consumerNotFound = 10014;
/** Between two tries while the broker is away, or control has not made what is needed. */
const pauseMs = 1_000;

const nanosPerMs = 1_000_000;

const storeLimits = { max_age: artifactsMaxAgeMs * nanosPerMs, max_bytes: artifactsMaxBytes };

/** What there has to be besides the streams themselves. */
export interface Infrastructure {
  readonly durables: readonly Durable[];
  /** Each has a store for the files of its tasks. */
  readonly hosts: readonly string[];
}

/** Makes what is missing and adds what is lacking. For the one user who may: the system itself. */
export async function makeInfrastructure(connection: Connection, { durables, hosts }: Infrastructure): Promise<void> {
  const names = new Set(await listed(connection.jsm.streams.names()));
  for (const definition of Object.values(streams)) await makeStream(connection, definition, names);
  const kvm = new Kvm(connection.js);
  for (const [name, { ttlMs }] of Object.entries(buckets)) await kvm.create(name, { ttl: ttlMs, history: 1 });
  for (const host of hosts) await makeStore(connection, artifactsOf(host));
  await makeDurables(connection, durables);
}

/** The library leaves one that is there as it is. Released versions made it without a bound. */
async function makeStore({ js, jsm }: Connection, bucket: string): Promise<void> {
  await new Objm(js).create(bucket, { ttl: storeLimits.max_age, max_bytes: storeLimits.max_bytes });
  const name = `OBJ_${bucket}`;
  const { config } = await jsm.streams.info(name);
  if (storeLacking(config) === null) return;
  const isBounded = config.max_bytes > 0 && isAtLeast(config.max_bytes, artifactsMaxBytes);
  const max_age = isAtLeast(config.max_age, storeLimits.max_age) ? config.max_age : storeLimits.max_age;
  await jsm.streams.update(name, { max_age, max_bytes: isBounded ? config.max_bytes : artifactsMaxBytes });
}

/** Of a store no bound at all is not as good as a larger one. */
function storeLacking(config: StreamConfig): string | null {
  if (config.max_bytes <= 0) return `max_bytes is ${config.max_bytes} and must be ${artifactsMaxBytes}`;
  return lacking(storeLimits, config);
}

/** Makes the durables that are not there; whoever has deleted one gets everything delivered once more, which changes nothing (I4). */
export async function makeDurables({ jsm }: Connection, durables: readonly Durable[]): Promise<void> {
  const known = new Map<string, Set<string>>();
  for (const stream of new Set(durables.map((durable) => durable.stream))) {
    const found = await listed(jsm.consumers.list(stream));
    known.set(stream, new Set(found.map(({ name }) => name)));
  }
  for (const durable of durables) {
    if (known.get(durable.stream)?.has(durable.name)) continue;
    await jsm.consumers.add(durable.stream, consumerConfig(durable));
  }
}

async function listed<T>(lister: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of lister) all.push(one);
  return all;
}

async function makeStream({ jsm }: Connection, wanted: StreamDefinition, names: ReadonlySet<string>): Promise<void> {
  if (!names.has(wanted.name)) {
    await jsm.streams.add(wanted);
    return;
  }
  const { config } = await jsm.streams.info(wanted.name);
  if (lacking(wanted, config) === null) return;
  await jsm.streams.update(wanted.name, additive(wanted, config));
}

/** A newer version may have added subjects and raised limits: they stay. */
function additive(wanted: StreamDefinition, found: StreamConfig): Partial<StreamConfig> {
  const subjects = [...new Set([...wanted.subjects, ...(found.subjects ?? [])])];
  const limits = Object.fromEntries(
    limitKeys.flatMap((key) => {
      const limit = wanted[key];
      return limit === undefined ? [] : [[key, isAtLeast(found[key], limit) ? found[key] : limit]];
    }),
  );
  return { ...wanted, ...limits, subjects };
}

/** Settings of which more, or none, is as good. */
const limitKeys = ['max_bytes', 'max_age', 'max_consumers', 'max_msgs_per_subject'] as const;

function isAtLeast(found: unknown, wanted: unknown): boolean {
  // 0 and -1 stand for no limit.
  return typeof found === 'number' && (found <= 0 || (typeof wanted === 'number' && wanted > 0 && found >= wanted));
}

/** @throws `stream-altered` when a stream is missing or lacks what its definition says. */
export async function readBackStreams(connection: Connection, names: readonly StreamName[]): Promise<void> {
  for (const name of names) await readBack(connection, name, streams[name]);
}

/** `wanted`: settings, or what says which of them is lacking. */
async function readBack(
  { jsm }: Connection,
  name: string,
  wanted: Partial<StreamConfig> | ((found: StreamConfig) => string | null),
): Promise<void> {
  const info = await jsm.streams.info(name).catch((error: Error) => {
    throwIfNonRetryable(error);
    throw new VmTaskError('stream-altered', `stream ${name} cannot be read: ${error.message}. ./vm-task up makes it`, {
      cause: error,
    });
  });
  const problem = typeof wanted === 'function' ? wanted(info.config) : lacking(wanted, info.config);
  if (problem !== null) throw altered(`stream ${name}`, problem, 'Run ./vm-task up to set it right');
}

/** What of all that `makeInfrastructure` makes is missing or lacks something, by the stream's name, with why: `stream-altered`. */
export async function alteredStreams(
  connection: Connection,
  hosts: readonly string[],
): Promise<ReadonlyMap<string, VmTaskError>> {
  const found = new Map<string, VmTaskError>();
  const look = async (name: string, reading: Promise<void>) => {
    await reading.catch((error) => {
      if (!(error instanceof VmTaskError && error.code === 'stream-altered')) throw error;
      found.set(name, error);
    });
  };
  await Promise.all([
    ...Object.values(streams).map(({ name }) => look(name, readBackStreams(connection, [name]))),
    ...Object.entries(buckets).map(([name, { ttlMs }]) =>
      look(`KV_${name}`, readBack(connection, `KV_${name}`, { max_age: ttlMs * nanosPerMs })),
    ),
    ...hosts
      .map((host) => `OBJ_${artifactsOf(host)}`)
      .map((name) => look(name, readBack(connection, name, storeLacking))),
  ]);
  return found;
}

/** Returns when control has made the durable, or at `stop`. @throws `stream-altered` when it is not as it has to be. */
export async function requireConsumer(
  { jsm }: Connection,
  durable: Durable,
  { stop, log }: { readonly stop: AbortSignal; readonly log: Logger },
): Promise<void> {
  while (!stop.aborted) {
    try {
      const { config } = await jsm.consumers.info(durable.stream, durable.name);
      return requireSame(durable, config);
    } catch (error) {
      if (error instanceof VmTaskError) throw error;
      const isMissing = error instanceof JetStreamApiError && error.code === consumerNotFound;
      if (!isMissing) throwIfNonRetryable(error);
      log.warn({ err: error, consumer: durable.name }, 'the consumer is not there yet; looking again');
      await delay(pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

function requireSame(durable: Durable, config: ConsumerConfig): void {
  for (const [key, wanted] of Object.entries(consumerConfig(durable))) {
    const found = (config as unknown as Record<string, unknown>)[key];
    if (JSON.stringify(found) === JSON.stringify(wanted)) continue;
    const problem = `${key} is ${JSON.stringify(found)} and must be ${JSON.stringify(wanted)}`;
    throw altered(
      `consumer ${durable.name}`,
      problem,
      'Delete the consumer: it is made anew, and nothing is done twice',
    );
  }
}

/** What the server has that is less than what is relied on, as words; null when nothing is. */
function lacking(wanted: Partial<StreamConfig>, found: StreamConfig): string | null {
  for (const [key, value] of Object.entries(wanted)) {
    const have = (found as unknown as Record<string, unknown>)[key];
    if (isEnough(key, have, value)) continue;
    return `${key} is ${JSON.stringify(have)} and must be ${JSON.stringify(value)}`;
  }
  return null;
}

function isEnough(key: string, have: unknown, value: unknown): boolean {
  if (key === 'subjects') return (value as string[]).every((one) => Array.isArray(have) && have.includes(one));
  // What holds more than the newest of each subject would hold marks of messages beside the messages.
  if (key !== 'max_msgs_per_subject' && limitKeys.some((limit) => limit === key)) return isAtLeast(have, value);
  return JSON.stringify(have) === JSON.stringify(value) || (have === undefined && value === false);
}

function altered(what: string, problem: string, remedy: string): VmTaskError {
  return new VmTaskError('stream-altered', `${what}: ${problem}. ${remedy}, or upgrade nats-server`);
}
