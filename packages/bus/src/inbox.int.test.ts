import { parseSending } from '@vm-task/shared/inbox';
import { newMessageId } from '@vm-task/shared/new-ids';
import { inboxSubject } from '@vm-task/shared/subjects';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { followMessages, type Kept, listMessages, markMessage, readMessage, sendMessage } from './inbox.ts';

const hour = 3_600_000;

function send(broker: Broker, to: string, text: string, keepMs = hour, id = newMessageId(Date.now())) {
  const sending = parseSending({ to, from: 'test', text });
  return sendMessage(broker.connection, sending, { id, keepMs });
}

async function stored(broker: Broker): Promise<number> {
  return (await broker.connection.jsm.streams.info('INBOX')).state.messages;
}

test('a text arrives byte for byte, in any language, at whom it was sent to and at nobody else', async () => {
  await using broker = await startBroker();
  const text = '垃圾域名 🚀\u0000\u001b[2J "quoted" \\ \r\n ';
  const { id } = await send(broker, 'anna', text);
  await send(broker, 'kali', 'other');
  const page = { after: 0, limit: 10 };
  const { messages: found } = await listMessages(broker.connection, 'anna', page);
  expect(found.map(({ message }) => [message.id, message.text])).toEqual([[id, text]]);
  const all = async (after: number, limit: number) => {
    const { messages, next } = await listMessages(broker.connection, '*', { after, limit });
    return [messages.map(({ message }) => message.text), next];
  };
  expect(await all(0, 2)).toEqual([[text, 'other'], null]);
  expect(await all(0, 1)).toEqual([[text], 1]);
  expect(await all(1, 1)).toEqual([['other'], null]);
});

test('what others were sent holds up no list: a page is short then, and the next one goes on behind it', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const first = await send(broker, 'anna', 'theirs');
  const others = Array.from({ length: 2_100 }, () => ({ ...first, id: newMessageId(Date.now()) }));
  await Promise.all(others.map((one) => connection.js.publish(inboxSubject(one, 'any'), JSON.stringify(one))));
  const own = await send(broker, 'anna', 'ours');
  const isWanted = ({ message }: Kept) => message.text === 'ours';
  const list = (after: number) => listMessages(connection, '*', { after, limit: 10, isWanted });
  expect(await list(0)).toEqual({ messages: [], next: 2_000 });
  expect(await list(2_000)).toMatchObject({ messages: [{ message: { id: own.id } }], next: null });
});

test('a message sent twice is there once', async () => {
  await using broker = await startBroker();
  const id = newMessageId(Date.now());
  await send(broker, 'anna', 'first', hour, id);
  await send(broker, 'anna', 'again', hour, id);
  expect((await readMessage(broker.connection, id))?.message.text).toBe('first');
});

test('marks stay with the message, whoever sets them at the same time', async () => {
  await using broker = await startBroker();
  const { id, expiresAt } = await send(broker, 'anna', 'look');
  const marks = (['read', 'archived', 'read', 'archived'] as const).map((mark) =>
    markMessage(broker.connection, id, mark),
  );
  await Promise.all(marks);
  const kept = await readMessage(broker.connection, id);
  expect(kept?.message).toMatchObject({ readAt: expect.any(String), archivedAt: expect.any(String), expiresAt });
  expect(await markMessage(broker.connection, id, 'read')).toEqual(kept?.message);
  expect(await stored(broker)).toBe(1);
});

test('a marked message goes when it would have gone without the mark, and is not brought back', async () => {
  await using broker = await startBroker();
  const { id, sentAt } = await send(broker, 'anna', 'short', 3_000);
  const { expiresAt } = await markMessage(broker.connection, id, 'read');
  expect(Date.parse(expiresAt) - Date.parse(sentAt)).toBe(3_000);
  await eventually(async () => (await stored(broker)) === 0, { what: 'it has gone' });
  await expect(markMessage(broker.connection, id, 'archived')).rejects.toMatchObject({ code: 'message-not-found' });
  expect(await stored(broker)).toBe(0);
});

test('a full inbox refuses what comes, marks too, and keeps what is there', async () => {
  await using broker = await startBroker();
  const { id } = await send(broker, 'anna', 'first');
  const { jsm } = broker.connection;
  const { state } = await jsm.streams.info('INBOX');
  await jsm.streams.update('INBOX', { max_bytes: 2 * state.bytes + 200 });
  await send(broker, 'anna', 'second');
  await expect(send(broker, 'anna', 'third')).rejects.toMatchObject({ code: 'stream-full' });
  await expect(markMessage(broker.connection, id, 'read')).rejects.toMatchObject({ code: 'stream-full' });
  expect(await stored(broker)).toBe(2);
});

test('what would have gone already is not stored', async () => {
  await using broker = await startBroker();
  const sending = parseSending({ to: 'anna', from: 'test', text: 'late' });
  const since = new Date(Date.now() - 2 * hour);
  await sendMessage(broker.connection, sending, { id: newMessageId(Date.now()), keepMs: hour, since });
  expect(await stored(broker)).toBe(0);
});

test('who listens gets what is there, what comes, and the marks', async () => {
  await using broker = await startBroker();
  const { id } = await send(broker, 'anna', 'one');
  const gone = new AbortController();
  const heard = followMessages(broker.connection, 'anna', 0, gone.signal);
  const next = async () => (await heard.next()).value?.message;
  expect(await next()).toMatchObject({ text: 'one', readAt: null });
  await send(broker, 'kali', 'not for anna');
  await markMessage(broker.connection, id, 'read');
  expect(await next()).toMatchObject({ id, readAt: expect.any(String) });
  await send(broker, 'anna', 'two');
  expect(await next()).toMatchObject({ text: 'two' });
  gone.abort();
  expect((await heard.next()).done).toBe(true);
});
