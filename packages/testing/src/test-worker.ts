/** A worker on a durable of `COMMANDS` that gives a message back soon after its worker fell silent. */
import { AckPolicy, type ConsumerConfig } from '@nats-io/jetstream';
import type { Connection } from '@vm-task/bus/connection';
import { type Delivery, type DeliveryOutcome, type WorkerHooks, work } from '@vm-task/bus/work';
import { silentLogger } from '@vm-task/service/log';
import type { Broker } from './broker.ts';

const worker = { stream: 'COMMANDS', name: 'testing', filter: 'task.submit' } as const;

export const ack: DeliveryOutcome = { kind: 'ack' };

/** The default is short, so that a test sees redeliveries. `name`: of one beside that of `startWorker`. */
export async function makeDurable({ connection }: Broker, ackWaitMs = 900, name: string = worker.name): Promise<void> {
  const config: Partial<ConsumerConfig> = {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ackWaitMs * 1_000_000,
    filter_subject: worker.filter,
  };
  await connection.jsm.consumers.add(worker.stream, config);
}

export async function submit({ connection }: Broker, ...bodies: readonly string[]): Promise<void> {
  for (const body of bodies) await connection.js.publish('task.submit', body);
}

/** What was submitted. */
export function textOf({ message }: Delivery): string {
  return Buffer.from(message.data).toString();
}

/** Messages that were delivered and not acknowledged, messages still to come, and pulls that wait for one. */
export async function lookAtDurable({ connection }: Broker) {
  const info = await connection.jsm.consumers.info(worker.stream, worker.name);
  return { inFlight: info.num_ack_pending, toCome: info.num_pending, pulls: info.num_waiting };
}

export interface TestWorker extends AsyncDisposable {
  readonly stop: AbortController;
  /** Resolves when the work has ended after a stop. */
  readonly done: Promise<void>;
  /** `<text>: <reason>` of what was rejected. */
  readonly deadLettered: readonly string[];
  /** `<delivery>: <reason>` of each alert. */
  readonly alerts: readonly string[];
}

export function startWorker(
  connection: Connection,
  handle: (delivery: Delivery) => Promise<DeliveryOutcome>,
  { slots = 1, ...hooks }: { slots?: number } & Partial<WorkerHooks> = {},
): TestWorker {
  const stop = new AbortController();
  const deadLettered: string[] = [];
  const alerts: string[] = [];
  const allHooks: WorkerHooks = {
    handle,
    storeDeadLetter: async (delivery, reason) => void deadLettered.push(`${textOf(delivery)}: ${reason}`),
    alert: async (delivery, reason) => void alerts.push(`${delivery.deliveries}: ${reason}`),
    ...hooks,
  };
  const signals = { stop: stop.signal, abort: stop.signal, log: silentLogger };
  const done = work(connection, worker, allHooks, { slots, ...signals });
  const dispose = () => {
    stop.abort();
    return done;
  };
  return { stop, done, deadLettered, alerts, [Symbol.asyncDispose]: dispose };
}
