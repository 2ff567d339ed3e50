/**
 * The floor: what four hops cost with nothing of ours. A chain of four JetStream publishes, each expecting the last
 * sequence of its task's subjects, each consumed and explicitly acknowledged with the acknowledgement's answer waited
 * for; all in one process, on one connection, with the client's own `consume`.
 */
import { AckPolicy, type ConsumerMessages, type JsMsg, StorageType } from '@nats-io/jetstream';
import type { Connection } from '@vm-task/bus/connection';

const steps = ['created', 'ready', 'set-up', 'completed'] as const;

const stream = 'BARE';

/** As large as what an event of a trivial task weighs, headers and all. */
const payload = Buffer.alloc(1_000, 'x');

/** The client keeps so many messages on their way to each consumer: as many tasks as are in flight at load, or more. */
const prefetch = 256;

export interface Floor extends AsyncDisposable {
  /** Publishes the first event of a task; resolves when the fourth was consumed and its acknowledgement answered. */
  run(): Promise<void>;
}

export async function startFloor({ js, jsm }: Connection): Promise<Floor> {
  await jsm.streams.add({ name: stream, subjects: ['bare.*.*.*'], storage: StorageType.File });
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const publish = async (step: number, task: string, after: number) => {
    const expect = { lastSubjectSequence: after, lastSubjectSequenceSubject: `bare.*.default.${task}` };
    await js.publish(`bare.${steps[step]}.default.${task}`, payload, { expect, msgID: `${task}/${step}` });
  };
  const handle = async (step: number, message: JsMsg) => {
    const task = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    if (step + 1 < steps.length) await publish(step + 1, task, message.seq);
    await message.ackAck();
    if (step + 1 === steps.length) ends.get(task)?.resolve();
  };
  const open: ConsumerMessages[] = [];
  for (const [step, name] of steps.entries()) {
    const settings = { durable_name: name, ack_policy: AckPolicy.Explicit, filter_subject: `bare.${name}.*.*` };
    await jsm.consumers.add(stream, settings);
    const consumer = await js.consumers.get(stream, name);
    const callback = (message: JsMsg) => void handle(step, message).catch((error) => failAll(ends, error));
    open.push(await consumer.consume({ max_messages: prefetch, callback }));
  }
  let tasks = 0;
  return {
    async run() {
      const task = `task-${++tasks}`;
      const end = Promise.withResolvers<void>();
      ends.set(task, end);
      await publish(0, task, 0);
      await end.promise;
      ends.delete(task);
    },
    async [Symbol.asyncDispose]() {
      for (const messages of open) await messages.close();
      await jsm.streams.delete(stream);
    },
  };
}

function failAll(ends: ReadonlyMap<string, PromiseWithResolvers<void>>, error: unknown): void {
  for (const end of ends.values()) end.reject(error);
}
