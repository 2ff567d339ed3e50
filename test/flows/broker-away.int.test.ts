/** The broker goes away in mid-load, until the services have noticed it and dialled in vain. Outages that last: `outages/`. */
import { eventually } from '@vm-task/testing/conditions';
import { test } from 'vitest';
import { loseBroker } from './broker-away.ts';

/** A fifth of what the services have, so that they notice a broker that hangs after seconds. */
const patience = { requestMs: 1_000, pingEveryMs: 1_000 };
const longest = 150;

test.concurrent('nats-server is killed in mid-load and restarted when nobody finds it', async () => {
  let dials = 0;
  const outage = eventuallyDialled(() => dials, 10);
  await loseBroker(
    longest,
    async (server) => {
      await server.kill();
      await outage();
      await server.restart();
    },
    { patience, onDial: () => (dials += 1) },
  );
});

test.concurrent('nats-server is stopped (SIGSTOP) in mid-load until the services have given it up', async () => {
  let dials = 0;
  const outage = eventuallyDialled(() => dials, 3);
  await loseBroker(
    longest,
    async (server) => {
      await server.pause();
      await outage();
      server.resume();
    },
    { patience, onDial: () => (dials += 1) },
  );
});

function eventuallyDialled(dials: () => number, times: number): () => Promise<unknown> {
  return () => eventually(() => dials() >= times, { what: `it is dialled ${times} times`, limitMs: 60_000 });
}
