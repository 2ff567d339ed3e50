/**
 * Replaying a dead letter: the worker that could not handle the message gets it once more, as it was stored. Nothing is
 * published again. The command is intake's, which asks the dead letter's worker on a subject of its own until it says that it
 * has decided, and then drops the letter: a worker that is away is asked again when it may be back.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Msg, RequestError, type Subscription, TimeoutError } from '@nats-io/transport-node';
import { deadletterReplaySchema } from '@vm-task/shared/commands';
import { errorInfo } from '@vm-task/shared/errors';
import type { HostToken } from '@vm-task/shared/events';
import type { Durable } from '@vm-task/shared/flow';
import { replaySubject } from '@vm-task/shared/subjects';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Connection } from './connection.ts';
import { type DeadLetter, dropLetter, readLetter, readOriginal } from './dead-letters.ts';
import { parseJson, type RawMessage } from './envelope.ts';
import { done, type HandlerOutcome, retry } from './outcome.ts';
import { type Delivery, type DeliveryOutcome, retryDelayMs, type WorkerHooks } from './work.ts';

/** Between two tries to hear the questions. */
const listenAgainMs = 1_000;
/** A worker that takes longer says so when it is asked again. */
const answerWithinMs = 5_000;

/** The dead letter's sequence in `DEAD`, and which delivery of its message the replay counts as. */
const questionSchema = z.object({ seq: z.int().min(1), deliveries: z.int().min(1) });
/** True once the worker has decided: the message is handled, or there is a newer dead letter about it. */
const answerSchema = z.object({ decided: z.boolean() });

/** Handles `deadletter.replay`: done once there is no such letter, which goes when its worker has decided. */
export async function askForReplay(
  connection: Connection,
  command: Pick<Delivery, 'message' | 'deliveries'> & { readonly log: Logger },
): Promise<HandlerOutcome> {
  const seq = wantedLetter(command.message);
  const found = seq === null ? null : await readLetter(connection, seq);
  if (found === null) return done();
  // One that was too large to be copied.
  if (found.letter.data === null && (await readOriginal(connection, found)) === null) {
    command.log.error({ letter: seq }, 'the message of a dead letter is stored nowhere any more');
    return done();
  }
  // Never the first delivery: whatever its handler does then is to look for what an earlier one left.
  if (await ask(connection, found, command.deliveries + 1)) {
    await dropLetter(connection, found.seq);
    return done();
  }
  return retry(
    retryDelayMs(command.deliveries),
    `${found.letter.consumer} was asked to handle dead letter ${found.seq} again`,
  );
}

/** Null for a command that nobody can read: whoever asks through the API has been told. */
function wantedLetter(command: RawMessage): number | null {
  try {
    return deadletterReplaySchema.parse(parseJson(command)).seq;
  } catch {
    return null;
  }
}

/** False while the worker is away, or at work on it. */
async function ask({ nc }: Connection, { seq, host, letter }: DeadLetter, deliveries: number): Promise<boolean> {
  const question: z.infer<typeof questionSchema> = { seq, deliveries };
  try {
    const options = { timeout: answerWithinMs };
    const { data } = await nc.request(replaySubject(letter.consumer, host), JSON.stringify(question), options);
    return answerSchema.parse(JSON.parse(Buffer.from(data).toString('utf8'))).decided;
  } catch (error) {
    if (error instanceof TimeoutError || error instanceof RequestError || error instanceof z.ZodError) return false;
    throw error;
  }
}

export interface Replaying {
  readonly connection: Connection;
  readonly host: HostToken;
  readonly worker: Durable;
  readonly handle: WorkerHooks['handle'];
  /** Stores a new letter in place of `replayed`. */
  readonly storeDeadLetter: (delivery: Delivery, reason: string, replayed: DeadLetter) => Promise<unknown>;
  readonly log: Logger;
}

export interface ReplayTimes {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

/** Replays what the worker is asked for until `stop`, one at a time: a person asked for each. */
export async function workReplays(replaying: Replaying, times: ReplayTimes): Promise<void> {
  const { connection, worker, host, log } = replaying;
  while (!times.stop.aborted) {
    try {
      // Of several workers one is asked.
      const questions = connection.nc.subscribe(replaySubject(worker.name, host), { queue: worker.name });
      await answerAll(replaying, questions, times);
    } catch (error) {
      if (!times.stop.aborted) log.warn({ err: error }, 'replays of dead letters cannot be heard; trying again');
    }
    await delay(listenAgainMs, undefined, { signal: times.stop }).catch(() => undefined);
  }
}

/** @throws why the broker has ended the subscription. */
async function answerAll(replaying: Replaying, questions: Subscription, { stop, abort }: ReplayTimes): Promise<void> {
  const end = () => questions.unsubscribe();
  stop.addEventListener('abort', end, { once: true });
  try {
    for await (const question of questions) await answer(replaying, question, abort);
  } finally {
    stop.removeEventListener('abort', end);
  }
}

async function answer(replaying: Replaying, question: Msg, signal: AbortSignal): Promise<void> {
  try {
    const { seq, deliveries } = questionSchema.parse(JSON.parse(Buffer.from(question.data).toString('utf8')));
    const said: z.infer<typeof answerSchema> = { decided: await replay(replaying, seq, deliveries, signal) };
    question.respond(JSON.stringify(said));
  } catch (error) {
    replaying.log.error({ err: error }, 'replaying a dead letter failed');
  }
}

/** True when the dead letter can go; of a message that is rejected again, or fails, a newer dead letter takes the place. */
async function replay(replaying: Replaying, seq: number, deliveries: number, signal: AbortSignal): Promise<boolean> {
  const { connection, worker, storeDeadLetter, log } = replaying;
  const letter = await readLetter(connection, seq);
  if (letter === null || letter.letter.consumer !== worker.name) return true;
  const original = await readOriginal(connection, letter);
  if (original === null) return false;
  const again: Delivery = { message: original, deliveries, signal };
  const outcome = await decide(replaying, again);
  log.info({ letter: seq, outcome }, 'replayed a dead letter');
  // It is asked for again.
  if (outcome.kind === 'retry' || outcome.kind === 'ignore') return false;
  if (outcome.kind === 'reject') await storeDeadLetter(again, outcome.reason, letter);
  return true;
}

/** Whatever fails is told as the newer dead letter's reason, unless this worker is going. */
async function decide({ handle }: Replaying, delivery: Delivery): Promise<DeliveryOutcome> {
  try {
    return await handle(delivery);
  } catch (error) {
    if (delivery.signal.aborted) throw error;
    return { kind: 'reject', reason: errorInfo(error).message };
  }
}
