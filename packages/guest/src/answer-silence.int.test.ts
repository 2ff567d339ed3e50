/** A machine that says nothing where an answer is due, or more than it was let. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Attack, startMaliciousGuest } from '@vm-task/testing/malicious-guest';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { connect, type GuestConnection } from './connect.ts';
import type { JobEvent } from './job.ts';
import { runJob } from './run-job.ts';
import { never, newJob } from './test-job.ts';

const guestFailed = expect.objectContaining({ code: 'guest-failed' });

async function underAttack<T>(attack: Attack, use: (connection: GuestConnection) => Promise<T>): Promise<T> {
  await using guest = await startMaliciousGuest(attack);
  await using connection = await connect(guest.access, { privateKey: guest.privateKey, signal: never });
  return await use(connection);
}

const serve = () => false;

async function eventsOf(connection: GuestConnection, changes = {}, options = {}): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of runJob(connection, newJob(changes), { signal: never, ...options })) events.push(event);
  return events;
}

describe('silence where an answer is due', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const answers: [string, string][] = [
    ['from the beginning', ''],
    ['behind the socket', 'noapi 2\nno'],
    ['in the middle of a head', 'noapi 2\nnostarted'],
    ['in the middle of a frame', 'noapi 2\nnostarted 0\nstdout 0 10\nabc'],
    ['between a tail and the end', 'noapi 2\nnostarted 0\ntailstdout 1\nx'],
  ];
  test.each(answers)('%s', async (_where, bytes) => {
    let said = false;
    const attack: Attack = {
      'verb-start': async (conversation) => {
        await conversation.send(bytes);
        said = true;
      },
    };
    await underAttack(attack, async (connection) => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
      const outcome = eventsOf(connection, {}, { serve }).catch((error: Error) => error);
      await eventuallyLate(() => said);
      expect(await advanceUntil(outcome)).toEqual(guestFailed);
      vi.useRealTimers();
    });
  });

  test('a drip of a byte at a time is no answer either', async () => {
    let drops = 0;
    const attack: Attack = {
      'verb-start': async (conversation) => {
        await conversation.send('started 0\nstdout 0 60000\n');
        for (; conversation.isOpen; drops++) {
          await conversation.send('x');
          await turn();
          await turn();
          await turn();
        }
      },
    };
    await underAttack(attack, async (connection) => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
      const outcome = eventsOf(connection, { outputMaxBytes: 100_000 }).catch((error: Error) => error);
      await eventuallyLate(() => drops > 9);
      expect(await advanceUntil(outcome)).toEqual(guestFailed);
      vi.useRealTimers();
    });
  });

  /** As `eventually`, while nothing that counts time goes on. */
  async function eventuallyLate(probe: () => boolean): Promise<void> {
    while (!probe()) await turn();
  }

  /** Lets seconds pass, a few at a time, until something has come of it. */
  async function advanceUntil<T>(outcome: Promise<T>): Promise<T | 'nothing'> {
    let over = false;
    void outcome.finally(() => {
      over = true;
    });
    for (let seconds = 0; seconds < 120 && !over; seconds++) {
      vi.advanceTimersByTime(1_000);
      for (let turns = 0; turns < 20 && !over; turns++) await turn();
    }
    return over ? outcome : 'nothing';
  }
});
