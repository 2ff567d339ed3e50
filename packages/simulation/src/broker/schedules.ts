/** Messages that a broker makes of others when their time has come. Only `@at`, one schedule for a subject. */
import { type MsgHdrs, headers as newHeaders } from '@nats-io/transport-node';
import type { BrokerClock } from './durable.ts';
import type { Publication, StoredMessage, Stream } from './stream.ts';

interface Planned {
  readonly stream: Stream;
  readonly message: StoredMessage;
  readonly target: string;
  readonly atMs: number;
}

export class Schedules {
  readonly #clock: BrokerClock;
  readonly #publish: (publication: Publication) => void;
  readonly #planned = new Map<string, Planned>();
  #isRunning = true;

  constructor(clock: BrokerClock, publish: (publication: Publication) => void) {
    this.#clock = clock;
    this.#publish = publish;
  }

  /** Called with everything that was stored; another schedule on the same subject is replaced. */
  onStored(stream: Stream, message: StoredMessage): void {
    const specification = message.headers.get('Nats-Schedule');
    if (specification === '') return;
    const atMs = Date.parse(specification.replace('@at ', ''));
    if (Number.isNaN(atMs)) throw new Error(`a schedule that is not simulated: ${specification}`);
    this.#planned.set(message.subject, { stream, message, target: message.headers.get('Nats-Schedule-Target'), atMs });
    this.#clock.after(Math.max(0, atMs - this.#clock.nowMs()), () => this.#fireDue());
  }

  /** While the broker is away nothing fires; what came due meanwhile does when it is back. */
  set isRunning(isRunning: boolean) {
    this.#isRunning = isRunning;
    this.#fireDue();
  }

  /** What a young feature may do: they never fire. Returns how many there were. */
  forget(): number {
    const count = this.#planned.size;
    this.#planned.clear();
    return count;
  }

  #fireDue(): void {
    if (!this.#isRunning) return;
    const due = [...this.#planned.values()].filter(({ atMs }) => atMs <= this.#clock.nowMs());
    for (const { stream, message, target } of due) {
      this.#planned.delete(message.subject);
      stream.remove(message.seq);
      this.#publish({
        subject: target,
        headers: firedHeaders(message),
        data: message.data,
        msgId: null,
        expect: null,
      });
    }
  }
}

function firedHeaders({ subject, headers }: StoredMessage): MsgHdrs {
  const fired = newHeaders();
  for (const [key, values] of headers) {
    if (key.startsWith('Nats-')) continue;
    for (const value of values) fired.append(key, value);
  }
  fired.set('Nats-Scheduler', subject);
  fired.set('Nats-Schedule-Next', 'purge');
  return fired;
}
