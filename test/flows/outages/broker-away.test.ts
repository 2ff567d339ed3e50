/** The broker goes away in mid-load for as long as an operator takes to notice: literally, with the limits that the services have. */
import { eventually } from '@vm-task/testing/conditions';
import { test } from 'vitest';
import { loseBroker } from '../broker-away.ts';

const passes = (ms: number) => {
  const over = AbortSignal.timeout(ms);
  return eventually(() => over.aborted, { what: `${ms} ms are over`, limitMs: 2 * ms });
};

test.concurrent('nats-server is killed in mid-load and restarted 30 s later', () =>
  loseBroker(350, async (server) => {
    await server.kill();
    await passes(30_000);
    await server.restart();
  }));

test.concurrent('nats-server is stopped (SIGSTOP) in mid-load for 60 s', () =>
  loseBroker(650, async (server) => {
    await server.pause();
    await passes(60_000);
    server.resume();
  }));
