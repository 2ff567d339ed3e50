/**
 * A stream with many tasks that have ended, written into the store of a home that is down. The server that takes it in
 * syncs its files every two minutes and at its end, instead of each message, and one writer knows every sequence: so it
 * is fast, and what is stored is what the real system stores.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, openConnection } from '@vm-task/bus/connection';
import { encode, eventId } from '@vm-task/bus/envelope';
import { serverProgram } from '@vm-task/bus/streams';
import type { Draft } from '@vm-task/shared/events';
import type { Home } from '@vm-task/shared/home';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { eventSubject, eventsOf, subjectMatches, type TaskKey } from '@vm-task/shared/subjects';
import * as sample from '@vm-task/testing/sample-events';

export const syncedHow = 'every 2 minutes and at its end, not each message as the real system';
export const eventsPerTask = 5;

export interface Written {
  /** The last sequence. */
  readonly lastSeq: number;
  readonly perSecond: number;
}

/** The pools that the tasks are in, one after the other. */
export interface History {
  readonly tasks: number;
  readonly pools: readonly string[];
}

const user = 'bench';
/** Messages between two answers that are waited for: the server holds them until then. */
const window = 1_000;

export async function writeHistory(home: Home, { tasks, pools }: History): Promise<Written> {
  const { child, port } = startServer(home);
  try {
    await using connection = await reach(port);
    const begun = performance.now();
    const first = (await connection.jsm.streams.info('EVENTS')).state.last_seq;
    const writer = new Writer(connection, first);
    for (let n = 0; n < tasks; n++) await writeTask(writer, pools[n % pools.length] ?? 'default', n);
    await writer.flush();
    const { state } = await connection.jsm.streams.info('EVENTS');
    if (state.last_seq !== writer.seq) throw new Error(`${writer.seq - state.last_seq} messages were not stored`);
    const seconds = (performance.now() - begun) / 1_000;
    await acknowledgeAll(connection);
    return { lastSeq: state.last_seq, perSecond: (state.last_seq - first) / seconds };
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

/** The home's own server, with one more user and without a sync for each message. */
function startServer(home: Home): { child: ChildProcess; port: number } {
  const config = JSON.parse(readFileSync(join(home.nats, 'nats.conf'), 'utf8'));
  config.jetstream.sync_interval = '2m';
  config.accounts.MAIN.users.push({ user, password: user });
  const file = join(home.nats, 'bench.conf');
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return { child: spawn(serverProgram, ['-c', file], { stdio: 'ignore' }), port: config.port };
}

async function reach(port: number): Promise<Connection> {
  for (;;) {
    try {
      return await openConnection({ servers: [`nats://127.0.0.1:${port}`], user, pass: user }, user);
    } catch {
      await delay(50);
    }
  }
}

/** Whoever works on events has had these, as on a home that has lived through them. */
async function acknowledgeAll({ js, jsm }: Connection): Promise<void> {
  for await (const { name, num_pending } of jsm.consumers.list('EVENTS')) {
    const consumer = await js.consumers.get('EVENTS', name);
    for (let left = num_pending; left > 0; ) {
      for await (const message of await consumer.fetch({ max_messages: Math.min(left, 100), expires: 2_000 })) {
        message.ack();
        left -= 1;
      }
    }
  }
}

async function writeTask(writer: Writer, pool: string, n: number): Promise<void> {
  const task = newTaskId(Date.now());
  const vm = newVmId(Date.now());
  const key = { task, pool };
  const labels = { team: `team-${n % 10}`, order: `${Math.floor(n / 10)}` };
  await writer.write(sample.created(task, { pool, spec: { ...sample.sampleSpec, labels } }), key, true);
  await writer.write(sample.vmReady(task, { pool, vm }), key);
  await writer.write(sample.setupDone(task, { pool }), key);
  await writer.write(sample.completed(task, { pool, vm }), key);
  await writer.write(sample.vmGone(vm, { pool, task }), null);
}

class Writer {
  readonly #connection: Connection;
  seq: number;
  #before = 0;

  constructor(connection: Connection, seq: number) {
    this.#connection = connection;
    this.seq = seq;
  }

  /** An event of a task expects the one before that decides its fate; that setup is done does not. */
  async write(draft: Draft, about: TaskKey | null, first = false): Promise<void> {
    const expected = first ? 0 : this.#before;
    const { payload, headers } = encode(draft, eventId(draft, expected), 'vm-task/bench', new Date());
    if (about !== null) {
      headers.set('Nats-Expected-Last-Subject-Sequence', `${expected}`);
      headers.set('Nats-Expected-Last-Subject-Sequence-Subject', eventsOf(about));
    }
    this.seq += 1;
    if (about !== null && subjectMatches(eventsOf(about), eventSubject(draft))) this.#before = this.seq;
    if (this.seq % window === 0) await this.#connection.js.publish(eventSubject(draft), payload, { headers });
    else this.#connection.nc.publish(eventSubject(draft), payload, { headers });
  }

  flush(): Promise<void> {
    return this.#connection.nc.flush();
  }
}
