/** What a guest may do to its runner, for a task with `retry: { maxAttempts: 1 }`. */
import { once } from 'node:events';
import { chance } from '@vm-task/testing/chance';
import type { Conversation } from '@vm-task/testing/guest-conversation';
import { type Attack, begin, ordinaryEnd, type Visit, whileOpen } from '@vm-task/testing/malicious-guest';

const whole = 512 * 1024;

/** Says this again and again behind what came before, until nobody listens. */
const repeating = (first: string, again: string): Attack => ({
  'verb-start': async (conversation) => {
    await conversation.send(first);
    await whileOpen(conversation, () => conversation.send(again));
  },
});

/** Each begins properly, where that is not the attack itself. */
export const endless: Readonly<Record<string, Attack>> = {
  starts: repeating('', 'started 0\n'.repeat(1_000)),
  'refusals of a socket': repeating('', `noapi 500000\n${'A'.repeat(500_000)}`),
  'bytes of one frame': repeating('noapi 2\nnostarted 0\nstdout 0 65536\n', 'x'.repeat(30_000)),
  'heads of frames': repeating('', 'x'.repeat(30_000)),
  'empty output': running((conversation) => conversation.send('stdout 0 0\n'.repeat(1_000))),
  complaints: running((conversation) => conversation.complain('x'.repeat(30_000))),
  output: flooding(30_000),
  'output byte by byte': flooding(1),
  ends: running((conversation) => conversation.answer('end', ordinaryEnd(99))),
  words: {
    'verb-start': async (conversation, request) => {
      await begin(conversation, request);
      await conversation.answer('failed', 'x'.repeat(whole));
    },
  },
};

function running(again: (conversation: Conversation) => Promise<void>): Attack {
  return {
    'verb-start': async (conversation, request) => {
      await begin(conversation, request);
      await whileOpen(conversation, () => again(conversation));
    },
  };
}

/** Output in pieces of this size, more of it than the job may have. */
function flooding(bytes: number): Attack {
  let at = 0;
  return running((conversation) => {
    const frames: string[] = [];
    for (let sent = 0; sent < 30_000; sent += bytes + 20) {
      frames.push(`stdout ${at} ${bytes}\n${'x'.repeat(bytes)}`);
      at += bytes;
    }
    return conversation.send(frames.join(''));
  });
}

const words = ['started', 'attached', 'api', 'stdout', 'stderr', 'tailstdout', 'result', 'end', 'failed', 'asked'];
const numbers = [
  '0',
  '1',
  '7',
  '65536',
  '65537',
  '999999',
  '999999999999999',
  '9999999999999999',
  '-1',
  '1e9',
  '0x1',
  '',
];

/** Frames and pieces of frames by chance, behind a proper beginning. */
export function randomFrames(seed: number): Attack {
  const dice = chance(seed);
  const one = <T>(of: readonly T[]) => of[dice(of.length)] as T;
  return running((conversation) => {
    if (dice(5) === 0) return conversation.complain(Buffer.alloc(dice(5_000), dice(256)));
    if (dice(5) === 0) return conversation.send(Buffer.alloc(1 + dice(200), dice(256)));
    const head = [one(words), ...Array.from({ length: dice(4) }, () => one(numbers))].join(' ');
    return conversation.send(`${head}\n${'y'.repeat(dice(100))}`);
  });
}

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'BREW'];
const paths = [
  ...[
    'task',
    'inputs',
    'needs',
    'progress',
    'complete',
    'alerts',
    'messages',
    'tasks',
    'nothing',
    '%00',
    '..%2f..',
  ].map((name) => `/v1/${name}`),
  '/v1/messages?after=-1',
  '/v1/messages?after=1e999',
  '/v1/messages/%2e%2e/read',
  '/v1/tasks/00000000-0000-0000-0000-000000000000',
  `/${'a'.repeat(9_000)}`,
];
const bodies = [
  '',
  '{',
  'null',
  '[]',
  '{"percent":1e999}',
  '{"percent":-1,"text":5}',
  '{"__proto__":{"a":1},"constructor":{"prototype":{}}}',
  `{"text":"${'x'.repeat(100_000)}","to":"*.>","links":[{"title":"","href":"javascript:alert(1)"}]}`,
  `${'['.repeat(50_000)}`,
  '\0\xff\xfe',
  `run: ${'a'.repeat(1_000)}\nrun: b`,
  `${'&a [*a, '.repeat(500)}`,
  'x'.repeat(600_000),
];

export interface InsideCount {
  answers: number;
}

/** Asks the runner over the task's socket, as long as the attempt goes on: every route, with values by chance. */
export function askingInside(seed: number, count: InsideCount, isOver: () => boolean): Attack {
  return {
    'verb-start': async (conversation, request, visit) => {
      await begin(conversation, request);
      const dice = chance(seed);
      while (conversation.isOpen && !isOver()) await askOnce(visit, dice, count);
      await conversation.answer('started');
    },
    // What completes a result fails in a way of its own each time.
    'verb-complete': (conversation) => conversation.send('x'.repeat(200)),
  };
}

async function askOnce({ connectInside }: Visit, dice: (max: number) => number, count: InsideCount): Promise<void> {
  const channel = await connectInside();
  if (channel === null) return;
  const one = <T>(of: readonly T[]) => of[dice(of.length)] as T;
  const body = one(bodies);
  const length = dice(4) === 0 ? one(['-1', '99999999999999', 'x', '5']) : String(Buffer.byteLength(body));
  const key = dice(2) === 0 ? `idempotency-key: ${'k'.repeat(dice(400))}\r\n` : '';
  const closed = once(channel, 'close').catch(() => undefined);
  channel.on('error', () => undefined).on('data', () => undefined);
  channel.once('data', () => {
    count.answers += 1;
  });
  channel.write(
    `${one(methods)} ${one(paths)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${key}content-length: ${length}\r\n\r\n${body}`,
  );
  // Who waits for the answer gets it, from a route; who has lied about the length would wait for a minute.
  if (length !== String(Buffer.byteLength(body))) channel.end();
  await closed;
}

/** Every connection ends as soon as something is asked on it. */
export const hangingUp: Attack = {
  exec: async (_conversation, { client }) => {
    client.end();
  },
};
