import { expect, test } from 'vitest';
import { createClient } from './client.ts';

const { signal } = new AbortController();

/** A client of a server that gives these streams, and what each was asked to go on behind. */
function clientOf(...streams: readonly (string | ReadableStream<Uint8Array>)[]) {
  const behind: (string | null)[] = [];
  const rest = [...streams];
  const fake: typeof fetch = async (_input, init) => {
    const headers = new Headers(init?.headers);
    behind.push(headers.get('last-event-id'));
    expect(headers.get('accept')).toBe('text/event-stream');
    return new Response(rest.shift() ?? null);
  };
  return { client: createClient({ url: 'http://127.0.0.1:1', token: 'secret' }, { fetch: fake }), behind };
}

const sse = (event: string, data: unknown, id?: number) =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
const end = sse('end', {});
const output = (offset: number) => ({ attempt: 1, stream: 'stdout', offset, data: 'eA==' });

/** Breaks after the text. */
function broken(text: string): ReadableStream<Uint8Array> {
  const parts = [new TextEncoder().encode(text)];
  return new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part === undefined) controller.error(new Error('reset by peer'));
      else controller.enqueue(part);
    },
  });
}

test('a stream that breaks or just ends is taken up behind its last event, until it says that it has ended', async () => {
  const { client, behind } = clientOf(
    broken(sse('output', output(0), 3)),
    sse('output', output(1), 4),
    `${sse('output', output(2), 9)}${end}`,
  );
  const offsets: number[] = [];
  for await (const { event, data } of client.tasks.output('x', { follow: true, signal })) {
    if (event === 'output') offsets.push(data.offset);
  }
  expect(offsets).toEqual([0, 1, 2]);
  expect(behind).toEqual([null, '3', '4']);
});

test('events that this version does not know are passed over, those that it knows have to be readable', async () => {
  const { client } = clientOf(
    `${sse('heat', { celsius: 90 }, 1)}${sse('output', { ...output(5), hot: true }, 2)}${end}`,
  );
  const seen = [];
  for await (const message of client.tasks.output('x', { follow: false, signal })) seen.push(message);
  expect(seen).toEqual([{ event: 'output', data: { ...output(5), hot: true } }]);
  const wrong = clientOf(sse('output', { attempt: 1 }, 1));
  const following = wrong.client.tasks.output('x', { follow: true, signal });
  await expect(following.next()).rejects.toThrow(/^the event output of the answer to GET .*stream.*offset/);
});

test('where every event has the same form, all of them are given, whatever their name', async () => {
  const event = { seq: 1, type: 'task.moved', time: 'today', subject: 'task.moved.a.b', data: {} };
  const { client } = clientOf(`${sse('task.moved', event, 1)}${end}`);
  const seen = [];
  for await (const one of client.tasks.followEvents('x', signal)) seen.push(one);
  expect(seen).toEqual([event]);
});

test('whoever has seen enough closes the connection', async () => {
  const closed = Promise.withResolvers<void>();
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode(sse('output', output(0), 1))),
    cancel: () => closed.resolve(),
  });
  for await (const _ of clientOf(endless).client.tasks.output('x', { follow: true, signal })) break;
  await closed.promise;
});
