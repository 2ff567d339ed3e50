/** Two hundred tasks, so many at once that there is always work, and what must have come of each. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { follow } from '@vm-task/bus/follow';
import { type Client, createClient } from '@vm-task/client/client';
import { httpUrl } from '@vm-task/embedded/home-client';
import { readHttpToken } from '@vm-task/embedded/http-token';
import { taskOfCompleted } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { refusing } from './next-version.ts';
import type { RunningHome } from './running-home.ts';

export interface Planned {
  readonly number: number;
  readonly pool: string;
  readonly outcome: 'succeeded' | 'failed';
  readonly exitCode: number;
  readonly result: string;
  readonly starts: number;
  readonly file: object;
}

/** Of ten, one fails, and one fails at first: with the error that only the next version knows. */
export function planTasks(count: number, pools: readonly string[], random: (max: number) => number): Planned[] {
  return Array.from({ length: count }, (_, number): Planned => {
    const pool = pools[number % pools.length] ?? '';
    const kind = number % 10;
    const seconds = 1 + random(30) / 10;
    const begin = `echo ${number} >> "$HOME/starts"; sleep ${seconds}`;
    const common = {
      number,
      pool,
      outcome: 'succeeded',
      exitCode: 0,
      result: `result ${number}\n`,
      starts: 1,
    } as const;
    const say = `echo result ${number}`;
    const timeouts = { queue: '30m' };
    if (kind === 0) {
      const file = { pool, timeouts, run: `${begin}; ${say}; exit 3` };
      return { ...common, outcome: 'failed', exitCode: 3, file };
    }
    if (kind === 1) {
      const once = `[ -e "$HOME/${number}" ] || { : > "$HOME/${number}"; exit ${refusing}; }`;
      const retry = { maxAttempts: 2, backoff: '1s', on: ['run'] };
      return { ...common, starts: 2, file: { pool, timeouts, retry, run: `${begin}; ${once}; ${say}` } };
    }
    return { ...common, file: { pool, timeouts, run: `${begin}; ${say}` } };
  });
}

const patienceMs = 120_000;

export function clientOf({ home }: RunningHome): Client {
  return createClient(() => ({ url: httpUrl(home), token: readHttpToken(home) }));
}

/** As a user does: asked again, with the same key, until there is an answer. */
function ask<T>(running: RunningHome, question: (client: Client) => Promise<T>): Promise<T> {
  const asked = () =>
    question(clientOf(running)).then(
      (answer) => ({ answer }),
      () => null,
    );
  return eventually(asked, { what: 'intake answers', limitMs: patienceMs }).then(({ answer }) => answer);
}

export class Load implements AsyncDisposable {
  /** Id → what was planned. */
  readonly accepted = new Map<string, Planned>();
  readonly #ended = new Set<string>();
  readonly #running: RunningHome;
  readonly #stop = new AbortController();
  readonly #working: Promise<unknown>;

  constructor(running: RunningHome, planned: readonly Planned[], atOnce: number) {
    this.#running = running;
    this.#working = Promise.all([this.#submit(planned, atOnce), this.#watch()]);
    // It is awaited at the end; what it throws before that counts then.
    this.#working.catch(() => undefined);
  }

  get ended(): number {
    return this.#ended.size;
  }

  /** Returns when so many have ended. */
  async untilEnded(count: number): Promise<void> {
    await eventually(() => this.#ended.size >= count, { what: `${count} tasks have ended`, limitMs: 300_000 });
  }

  async #submit(planned: readonly Planned[], atOnce: number): Promise<void> {
    for (const task of planned) {
      const isRoom = () => this.#stop.signal.aborted || this.accepted.size - this.#ended.size < atOnce;
      await eventually(isRoom, { what: 'there is room for one more', limitMs: 300_000 });
      if (this.#stop.signal.aborted) return;
      const key = randomUUID();
      this.accepted.set(await ask(this.#running, ({ tasks }) => tasks.submit(task.file, key)), task);
    }
  }

  async #watch(): Promise<void> {
    await using connection = await openConnection(readBrokerAddress(this.#running.home, 'system'), 'upgrade test');
    const filter = 'task.completed.*.*.*';
    for await (const { message } of follow(connection, {
      stream: 'EVENTS',
      filter,
      from: 1,
      signal: this.#stop.signal,
    })) {
      const task = taskOfCompleted(message.subject);
      if (task !== null) this.#ended.add(task);
    }
  }

  /** What is not as it was planned, by what the newest intake shows and by what the machines have seen. */
  async problems(): Promise<string[]> {
    const starts = this.#running.guests.flatMap(({ home }) =>
      readFileSync(join(home, 'starts'), 'utf8').trim().split('\n'),
    );
    const found: string[] = [];
    for (const [id, planned] of this.accepted) {
      const { status, outcome, exitCode, result } = await ask(this.#running, ({ tasks }) => tasks.show(id));
      const seen = {
        status,
        outcome,
        exitCode,
        result,
        starts: starts.filter((one) => one === String(planned.number)).length,
      };
      const wanted = {
        status: 'completed',
        outcome: planned.outcome,
        exitCode: planned.exitCode,
        result: planned.result,
        starts: planned.starts,
      };
      if (JSON.stringify(seen) !== JSON.stringify(wanted))
        found.push(`task ${planned.number} (${id}): ${JSON.stringify(seen)}, and not ${JSON.stringify(wanted)}`);
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#working;
  }
}
