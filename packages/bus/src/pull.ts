/**
 * Pulling: as many messages as there are who wait for one, and never more, because what waits in a client comes back
 * after `ack_wait`. One request asks for all of them: a request for each would cost more than the messages do.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Subscription } from '@nats-io/transport-node';

/** One request waits so long for messages before it is made again. */
const expiresMs = 30_000;
/** A request that is not over by then has been lost. The client would notice, but by the wall clock, which can be set back. */
const lostAfterMs = expiresMs + 5_000;
/** At a stop, the broker has so long to say that nothing is on its way to us any more. */
const letGoLimitMs = 1_000;
/** A message that nobody waits for goes to whoever asks next. */
const giveBackMs = 100;

export class Pull {
  readonly #find: () => Promise<Consumer>;
  readonly #stop: AbortSignal;
  readonly #waiting: PromiseWithResolvers<JsMsg | null>[] = [];
  #consumer: Consumer | null = null;
  #isAsking = false;

  /** `find`: asked for the consumer at first, after each failure, and when a request has brought nothing. */
  constructor(find: () => Promise<Consumer>, stop: AbortSignal) {
    this.#find = find;
    this.#stop = stop;
  }

  /** The next message, each for one caller; null at `stop`. @throws what `find` throws, and when a request fails. */
  next(): Promise<JsMsg | null> {
    const waiter = Promise.withResolvers<JsMsg | null>();
    this.#waiting.push(waiter);
    if (!this.#isAsking) void this.#ask();
    return waiter.promise;
  }

  /** Asks until nobody waits any more. */
  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      this.#consumer ??= await this.#find();
      // Whoever begins to wait in the same turn is asked for in the same request.
      await Promise.resolve();
      while (this.#waiting.length > 0 && !this.#stop.aborted) {
        const brought = await this.#askFor(this.#waiting.length, this.#consumer);
        // A request to a consumer that somebody has deleted ends like one that nothing came to.
        if (brought === 0 && !this.#stop.aborted) this.#consumer = await this.#find();
      }
      for (const waiter of this.#waiting.splice(0)) waiter.resolve(null);
    } catch (error) {
      this.#consumer = null;
      for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
    } finally {
      this.#isAsking = false;
    }
  }

  /**
   * How many messages came. One that comes after `stop` goes back; so does one too many, as after a broken connection.
   */
  async #askFor(count: number, consumer: Consumer): Promise<number> {
    const messages = await consumer.fetch({ max_messages: count, expires: expiresMs });
    const close = () => void letGo(messages);
    this.#stop.addEventListener('abort', close, { once: true });
    // It may have come while the request was sent, before anybody listened.
    if (this.#stop.aborted) close();
    const lost = setTimeout(close, lostAfterMs);
    let brought = 0;
    try {
      for await (const message of messages) {
        brought++;
        const waiter = this.#stop.aborted ? undefined : this.#waiting.shift();
        if (waiter === undefined) message.nak(giveBackMs);
        else waiter.resolve(message);
      }
      return brought;
    } finally {
      clearTimeout(lost);
      this.#stop.removeEventListener('abort', close);
    }
  }
}

/**
 * Ends a request without losing what is on its way to us: closing alone drops such a message, and it would wait for
 * `ack_wait`. Draining its subscription is what the client itself does when a whole connection drains.
 */
async function letGo(messages: ConsumerMessages): Promise<void> {
  const { sub } = messages as ConsumerMessages & { readonly sub: Subscription };
  await Promise.race([sub.drain(), delay(letGoLimitMs, undefined, { ref: false })]).catch(() => undefined);
  await messages.close();
}
