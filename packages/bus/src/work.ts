/**
 * Consuming safely (I4): one message per free slot, `working` while busy, delayed naks only. What no
 * handler takes is a dead letter at once; what a newer version wrote is left to one; what throws is tried again with
 * growing delays and an alert from the fifth time on. Failures are counted, never deliveries: what waits on purpose may
 * wait as long as its stream keeps it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import { backOffMs } from '@vm-task/shared/back-off';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { Durable } from '@vm-task/shared/flow';
import type { Logger } from 'pino';
import type { Connection } from './connection.ts';
import { type RawMessage, rawOfDelivery } from './envelope.ts';
import { Failures } from './failures.ts';
import { type Ignore, type Reject, type Retry, retry } from './outcome.ts';
import { Pull } from './pull.ts';

/**
 * A worker's message comes back so long after its worker fell silent, which is what a task waits for when its runner is
 * killed. A worker whose event loop stood still for longer finds that another one has its message, and is refused.
 */
const ackWaitMs = 6_000;
/** Two signs of life may get lost before that. */
const signsPerAckWait = 3;

const nanosPerMs = 1_000_000;

const retries = { firstMs: 1_000, longestMs: 60_000 };
/** At its end a worker waits so long for the broker, which may be away. */
const flushLimitMs = 1_000;
/** A service that is not as new gives the message to one that is; where there is none yet, it waits for its update. */
export const newerPauseMs = 10_000;
/** What a newer version has written, in the log or on this host; whoever looks at that anyway tells people of it once. */
const ofNewer: ReadonlySet<string> = new Set(['newer-event', 'ledger-unreadable']);
/** A task's deadline ends its retries; a command has none, so its number of failures in a row does: after a quarter of an hour. */
const maxCommandFailures = 20;

export interface Delivery {
  readonly message: RawMessage;
  /** 1 for the first; crashes count too. */
  readonly deliveries: number;
  /** Aborted when the work must stop now: the service is at the end of its drain. */
  readonly signal: AbortSignal;
}

/** What becomes of a message. `ack` means that everything which follows from it is stored. */
export type DeliveryOutcome = { readonly kind: 'ack' } | Retry | Reject | Ignore;

export interface WorkerHooks {
  readonly handle: (delivery: Delivery) => Promise<DeliveryOutcome>;
  /** Stores the dead letter; the message is terminated only after this returned. */
  readonly storeDeadLetter: (delivery: Delivery, reason: string) => Promise<unknown>;
  readonly alert: (delivery: Delivery, reason: string) => Promise<void>;
  /** Resolves when there is room for one more message, and reserves it until `release`. */
  readonly admit?: (signal: AbortSignal) => Promise<{ release: () => void }>;
  /** True for what needs no handling, whoever looks at it and whenever. */
  readonly skip?: (subject: string) => boolean;
}

export interface WorkerOptions {
  readonly slots: number;
  /** Aborted at the beginning of a drain: nothing new is pulled. */
  readonly stop: AbortSignal;
  /** Aborted at its end: what is still running is given up. */
  readonly abort: AbortSignal;
  readonly log: Logger;
}

/** The durable's configuration; read back at every start. */
export function consumerConfig(worker: Durable): Partial<ConsumerConfig> & { durable_name: string } {
  return {
    durable_name: worker.name,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: ackWaitMs * nanosPerMs,
    // Deliveries count crashes too, so their number must never end a task.
    max_deliver: -1,
    // Above every number of slots that all workers of a durable have together.
    max_ack_pending: 10_000,
    filter_subject: worker.filter,
  };
}

/** Works until `stop`; resolves when every message in flight is settled. Failures of the broker are waited out. */
export async function work(
  connection: Connection,
  worker: Durable,
  hooks: WorkerHooks,
  options: WorkerOptions,
): Promise<void> {
  let workingEveryMs = ackWaitMs / signsPerAckWait;
  const find = async () => {
    const consumer = await connection.js.consumers.get(worker.stream, worker.name);
    const { config } = await consumer.info(true);
    workingEveryMs = (config.ack_wait ?? ackWaitMs * nanosPerMs) / nanosPerMs / signsPerAckWait;
    return consumer;
  };
  const pull = new Pull(find, options.stop);
  const failures = new Failures();
  const workOnce = async () => {
    const admitted = await hooks.admit?.(options.stop);
    try {
      const message = await pull.next();
      if (message === null) return;
      // Nothing hangs on this acknowledgement: where it is lost, the message is skipped again.
      if (hooks.skip?.(message.subject) === true) return message.ack();
      const working = setInterval(() => message.working(), workingEveryMs);
      await handleOne(message, { worker, hooks, options, failures }).finally(() => clearInterval(working));
    } finally {
      admitted?.release();
    }
  };
  const slot = async () => {
    while (!options.stop.aborted) {
      try {
        await workOnce();
      } catch (error) {
        if (options.stop.aborted) return;
        options.log.warn({ err: error, consumer: worker.name }, 'the broker did not answer; trying again');
        await delay(retries.firstMs, undefined, { signal: options.stop }).catch(() => undefined);
      }
    }
  };
  await Promise.all(Array.from({ length: options.slots }, slot));
  // The last ones are settled when the broker has heard of it; who called may end the connection next.
  await Promise.race([connection.nc.flush(), delay(flushLimitMs, undefined, { ref: false })]).catch(() => undefined);
}

interface Working {
  readonly worker: Durable;
  readonly hooks: WorkerHooks;
  readonly options: WorkerOptions;
  readonly failures: Failures;
}

async function handleOne(message: JsMsg, { worker, hooks, options, failures }: Working): Promise<void> {
  const { seq, subject } = message;
  const delivery: Delivery = {
    message: rawOfDelivery(message),
    deliveries: message.info.deliveryCount,
    signal: options.abort,
  };
  try {
    const outcome = await decide(delivery, worker, hooks, failures.of(seq));
    await carryOut(message, outcome, delivery, hooks);
    failures.forget(seq);
  } catch (error) {
    options.log.error({ err: error, consumer: worker.name, subject, seq }, 'handling failed');
    message.nak(retryDelayMs(failures.add(seq)));
    await failures.report(seq, () => hooks.alert(delivery, errorInfo(error).message));
  }
}

/**
 * What the handler decides; what cannot be read is rejected, and so is a command that has failed too often in a row.
 * @throws what may heal by itself.
 */
export async function decide(
  delivery: Delivery,
  { stream }: Durable,
  { handle }: Pick<WorkerHooks, 'handle'>,
  failuresBefore: number,
): Promise<DeliveryOutcome> {
  try {
    return await handle(delivery);
  } catch (error) {
    if (error instanceof VmTaskError && ofNewer.has(error.code)) return retry(newerPauseMs, error.message);
    const isUnreadable = error instanceof VmTaskError && error.code === 'unreadable-event';
    const isGivenUp = stream === 'COMMANDS' && failuresBefore + 1 >= maxCommandFailures;
    if (isUnreadable || isGivenUp) return { kind: 'reject', reason: errorInfo(error).message };
    throw error;
  }
}

async function carryOut(
  message: JsMsg,
  outcome: DeliveryOutcome,
  delivery: Delivery,
  hooks: WorkerHooks,
): Promise<void> {
  switch (outcome.kind) {
    case 'ack':
      // Lost on its way, it brings a redelivery, whose head says "nothing to do": so nobody waits for its answer.
      message.ack();
      return;
    case 'retry':
      message.nak(outcome.afterMs);
      return;
    case 'reject':
      await hooks.storeDeadLetter(delivery, outcome.reason);
      message.term();
      return;
    case 'ignore':
      // An acknowledgement counts whoever sends it: that of a stale worker would take the message from its successor.
      return;
  }
}

/** From one try to the next, after so many failures in a row. */
export function retryDelayMs(failures: number): number {
  return backOffMs(retries, failures);
}
