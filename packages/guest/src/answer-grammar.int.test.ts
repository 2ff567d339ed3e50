/** What a machine answers about a job has a grammar: whatever breaks it ends the exchange, at once and as the guest's fault. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Conversation, RequestFields } from '@vm-task/testing/guest-conversation';
import { type Attack, begin, ordinaryEnd, startMaliciousGuest } from '@vm-task/testing/malicious-guest';
import { describe, expect, test, vi } from 'vitest';
import { connect, type GuestConnection } from './connect.ts';
import type { JobEvent } from './job.ts';
import { lookAtMachine } from './machine-lease.ts';
import { runJob } from './run-job.ts';
import { jobStatus } from './stop-job.ts';
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

/** Answers a start with these bytes and leaves the channel open: only what it said can end the exchange. */
const saying = (bytes: string): Attack => ({ 'verb-start': (conversation) => conversation.send(bytes) });

/** As `saying`, behind a proper beginning. */
const running = (...answers: readonly (readonly [head: string, bytes?: string])[]): Attack => ({
  'verb-start': async (conversation: Conversation, request: RequestFields) => {
    await begin(conversation, request);
    for (const [head, bytes] of answers) await conversation.answer(head, bytes);
  },
});

const record = (lines: Record<string, string>) =>
  Object.entries({ outcome: 'exited 0', memory: '0', stopped: '0', ran: '5', stdout: '0 0', stderr: '0 0', ...lines })
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');

describe('out of place', () => {
  test.each([
    ['a second start', saying('started 0\nstarted 0\n')],
    ['attached behind started', saying('started 0\nattached 0\n')],
    ['output before the start', saying('stdout 0 1\nx')],
    ['an end before the start', saying(`end ${ordinaryEnd().length}\n${ordinaryEnd()}`)],
    ['a socket that nobody asked for', saying('api 5\n/sock')],
    ['a kind that there is not', running(['stdoot 0', 'x'])],
    ['an answer to another verb', running(['asked'])],
    ['output behind the end of output', running(['tailstdout', 'x'], ['stdout 0', 'x'])],
    ['one tail twice', running(['tailstdout', 'x'], ['tailstdout', 'x'])],
    ['tails in the wrong order', running(['tailstderr', 'x'], ['tailstdout', 'x'])],
    ['a result twice', running(['result', '1'], ['result', '2'])],
    ['output without a byte', running(['stdout 0', ''])],
    ['a word where none may be', saying('started 5\nhello')],
    ['a number too many', saying('started 7 0\n')],
    ['a number missing', running(['stdout', 'x'])],
    ['a number with zeros before it', running(['stdout 00', 'x'])],
    ['a length with zeros before it', saying('started 000\n')],
  ])('%s', async (_what, attack) => {
    await expect(underAttack(attack, (connection) => eventsOf(connection))).rejects.toThrowError(guestFailed);
  });

  test('a socket twice', async () => {
    const attack: Attack = {
      'verb-start': async (conversation) => {
        for (let i = 0; i < 2; i++) {
          await conversation.answer('noapi', 'no');
          await conversation.request();
        }
      },
    };
    const events = underAttack(attack, (connection) => eventsOf(connection, {}, { serve }));
    await expect(events).rejects.toThrowError(guestFailed);
  });

  test('no word of a socket where one was asked for', async () => {
    const events = underAttack(saying('started 0\n'), (connection) => eventsOf(connection, {}, { serve }));
    await expect(events).rejects.toThrowError(guestFailed);
  });

  test('an answer that is another one', async () => {
    const attack: Attack = { 'verb-status': (conversation) => conversation.answer('asked') };
    const asking = underAttack(attack, (connection) => jobStatus(connection, newJob(), { signal: never }));
    await expect(asking).rejects.toThrowError(guestFailed);
  });
});

describe('out of range', () => {
  test.each([
    ['a time that is no number any more', { ran: '9'.repeat(400) }],
    ['an exit code of four digits', { outcome: 'exited 999' }],
    ['a signal that there is not', { outcome: 'signalled 0' }],
    ['more stored than seen', { stdout: '0 5' }],
    ['more stored than was sent', { stdout: '5 5' }],
    ['more seen than there can be', { stdout: `${'9'.repeat(30)} 0` }],
  ])('the record of the end has %s', async (_what, lines) => {
    const events = underAttack(running(['end', record(lines)]), (connection) => eventsOf(connection));
    await expect(events).rejects.toThrowError(guestFailed);
  });

  test('a frame larger than its kind may be is refused before it has come', async () => {
    const attack = saying('started 0\nlost 400000\n');
    await expect(underAttack(attack, (connection) => eventsOf(connection))).rejects.toThrowError(guestFailed);
  });

  test('more output than the job may have', async () => {
    const attack = running(['stdout 0', 'x'.repeat(10)], ['stdout 10', 'x'.repeat(10)]);
    const events = underAttack(attack, (connection) => eventsOf(connection, { outputMaxBytes: 15 }));
    await expect(events).rejects.toThrowError(guestFailed);
  });

  test.each([
    ['its refusal', running(['failed', 'x'.repeat(5_000)])],
    [
      'its complaint',
      {
        'verb-start': async (conversation) => {
          await conversation.complain('x'.repeat(5_000));
          conversation.exit(1);
        },
      },
    ],
  ] as [string, Attack][])('of %s so much is told as a sentence has', async (_what, attack) => {
    const error = await underAttack(attack, (connection) => eventsOf(connection)).catch((error: Error) => error);
    expect(error).toMatchObject({ code: 'guest-failed' });
    expect((error as Error).message.length).toBeLessThan(600);
  });

  test('of why a job is lost, or has no socket, so much is told as a sentence has', async () => {
    const lost = await underAttack(running(['lost', 'x'.repeat(2_000)]), (connection) => eventsOf(connection));
    expect(lost.at(-1)).toMatchObject({
      end: { outcome: { kind: 'lost', reason: expect.stringMatching(/^x{1,300}…$/) } },
    });
    const attack: Attack = {
      'verb-start': async (conversation) => {
        await conversation.answer('noapi', 'x'.repeat(2_000));
        await conversation.request();
        await conversation.answer('started');
        await conversation.answer('end', ordinaryEnd());
      },
    };
    const [unreachable] = await underAttack(attack, (connection) => eventsOf(connection, {}, { serve }));
    expect(unreachable).toMatchObject({ reason: expect.stringMatching(/^x{1,300}…$/) });
  });
});

describe('too much', () => {
  test('a flood on standard error ends the exchange', async () => {
    const attack: Attack = {
      'verb-start': async (conversation, request) => {
        await begin(conversation, request);
        while (conversation.isOpen) {
          await conversation.complain('x'.repeat(32_768));
          await turn();
        }
      },
    };
    await expect(underAttack(attack, (connection) => eventsOf(connection))).rejects.toThrowError(guestFailed);
  });

  test('a frame that comes byte by byte costs no more than one that comes at once', async () => {
    const tail = 'x'.repeat(60_000);
    const attack: Attack = {
      'verb-start': async (conversation, request) => {
        await begin(conversation, request);
        for (const byte of `tailstdout ${tail.length}\n${tail}`) await conversation.send(byte);
        await conversation.answer('end', ordinaryEnd());
      },
    };
    const copied = vi.spyOn(Buffer, 'concat');
    const events = await underAttack(attack, (connection) => eventsOf(connection));
    const bytes = copied.mock.results.reduce((sum, { value }) => sum + (value as Buffer).length, 0);
    copied.mockRestore();
    expect(events.at(-1)).toMatchObject({ kind: 'ended' });
    expect(bytes).toBeLessThan(10 * tail.length);
  });

  test('what is said without having been asked is no answer to the next question', async () => {
    const attack: Attack = {
      'verb-none': async (conversation) => {
        await conversation.answer('ready');
        await conversation.request();
        for (let i = 0; i < 3; i++) await conversation.answer('machine', 'units limits');
      },
    };
    await underAttack(attack, async (connection) => {
      expect(await lookAtMachine(connection, never)).toMatchObject({ keeping: 'units' });
      // What was answered later has come after all that was answered before.
      await jobStatus(connection, newJob(), { signal: never });
      await expect(lookAtMachine(connection, never)).rejects.toThrowError(guestFailed);
    });
  });

  test('ten thousand frames leave the loop to others in between', async () => {
    const frames = Array.from({ length: 10_000 }, (_, i) => `stdout ${i} 1\nx`).join('');
    const attack: Attack = {
      'verb-start': async (conversation, request) => {
        await begin(conversation, request);
        await conversation.send(frames);
        await conversation.answer('end', ordinaryEnd(10_000));
      },
    };
    let turns = 0;
    let over = false;
    await underAttack(attack, async (connection) => {
      const counting = (async () => {
        for (; !over; turns++) await turn();
      })();
      let frames = 0;
      let turnsAtFirst = 0;
      for await (const event of runJob(connection, newJob(), { signal: never })) {
        if (event.kind !== 'output') continue;
        if (++frames === 1) turnsAtFirst = turns;
        if (frames === 10_000) expect(turns - turnsAtFirst).toBeGreaterThan(4);
      }
      over = true;
      await counting;
    });
  });
});
