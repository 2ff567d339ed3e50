import type { Followed } from '@vm-task/shared/bus/follow';
import { expect, test } from 'vitest';
import { gatherEvents } from './gather-events.ts';

function followed(seq: number, { pending = 0, bytes = 1 } = {}): Followed {
  const data = new Uint8Array(bytes);
  return { message: { seq, subject: 'task.created.default.t', time: new Date(), headers: undefined, data }, pending };
}

async function* from(...events: readonly (Followed | Promise<void>)[]): AsyncGenerator<Followed, void, void> {
  for (const event of events) {
    if (event instanceof Promise) await event;
    else yield event;
  }
}

async function sequencesOf(source: AsyncGenerator<Followed, void, void>): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of gatherEvents(source)) batches.push(batch.map(({ message }) => message.seq));
  return batches;
}

test('an event that comes alone is a batch at once', async () => {
  const { promise: taken, resolve } = Promise.withResolvers<void>();
  const source = gatherEvents(from(followed(1), taken, followed(2)));
  expect(await source.next()).toMatchObject({ value: [{ message: { seq: 1 } }] });
  resolve();
  expect(await source.next()).toMatchObject({ value: [{ message: { seq: 2 } }] });
  expect(await source.next()).toMatchObject({ done: true });
});

test('what is known to come belongs to the batch', async () => {
  const later = new Promise<void>((resolve) => setImmediate(resolve));
  const batches = await sequencesOf(from(followed(1, { pending: 2 }), later, followed(2, { pending: 1 }), followed(3)));
  expect(batches).toEqual([[1, 2, 3]]);
});

test('what comes soon after a batch becomes one batch', async () => {
  const batches = await sequencesOf(from(followed(1), followed(2), followed(3), followed(4)));
  expect(batches.flat()).toEqual([1, 2, 3, 4]);
  expect(batches.length).toBeLessThanOrEqual(2);
});

test('a batch has at most 500 events', async () => {
  const many = Array.from({ length: 1_200 }, (_, index) => followed(index + 1, { pending: 1_199 - index }));
  expect((await sequencesOf(from(...many))).map((batch) => batch.length)).toEqual([500, 500, 200]);
});

test('a batch of large events is full earlier', async () => {
  const large = [3, 2, 1, 0].map((pending, index) => followed(index + 1, { pending, bytes: 8 * 1024 * 1024 }));
  expect(await sequencesOf(from(...large))).toEqual([
    [1, 2],
    [3, 4],
  ]);
});
