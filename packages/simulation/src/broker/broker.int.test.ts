import type { Connection } from '@vm-task/shared/bus/connection';
import { follow } from '@vm-task/shared/bus/follow';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { answerOf, consumerOf, gridMs, Operations, type Side, streamOf } from '../../test/random-operations.ts';
import { simulateBroker } from '../../test/real-time.ts';

const seeds = Array.from({ length: 24 }, () => Math.floor(Math.random() * 1_000_000));
const operationsEach = 50;

test('the simulated broker gives the answers of a real nats-server to the same random operations', async () => {
  await using real = await startBroker();
  const proofs = seeds.map(async (seed) => {
    const definition = streamOf(seed);
    await real.connection.jsm.streams.add(definition);
    await prove(seed, real.connection, simulateBroker(definition));
  });
  await Promise.all(proofs);
});

async function prove(seed: number, ...connections: readonly [Connection, Connection]): Promise<void> {
  const stop = new AbortController();
  const sides = connections.map((connection): Side => ({ connection, inHand: [], followed: [] }));
  const [real, simulated] = sides as [Side, Side];
  for (const { connection } of sides) await connection.jsm.consumers.add(`PROOF-${seed}`, consumerOf(seed));
  const following = sides.map((side) => collect(seed, side, stop.signal));
  const operations = new Operations(seed);
  const log: string[] = [];
  for (let count = 1; count <= operationsEach; count++) {
    const operation = operations.next();
    await new Promise((resolve) => setTimeout(resolve, gridMs - (performance.now() % gridMs)));
    const [expected, got] = await Promise.all([answerOf(operation, real), answerOf(operation, simulated)]);
    log.push(`${operation.what}: ${expected}`);
    expect(got, `seed ${seed}, operation ${count}, after\n${log.join('\n')}`).toBe(expected);
  }
  const what = `seed ${seed}: both are followed to the same end: ${simulated.followed.length}`;
  await eventually(() => real.followed.join('\n') === simulated.followed.join('\n'), { what });
  stop.abort();
  await Promise.all(following);
}

/** Every message of two subjects, in order, as it comes. */
async function collect(seed: number, { connection, followed }: Side, signal: AbortSignal): Promise<void> {
  const filters = [`proof-${seed}.a.*`, `proof-${seed}.b.x`];
  for await (const { message } of follow(connection, { stream: `PROOF-${seed}`, filters, from: 1, signal })) {
    followed.push(`${message.seq} ${message.subject}`);
  }
}
