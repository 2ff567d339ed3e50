import { appendFileSync } from 'node:fs';
import { listLetters } from '@vm-task/bus/dead-letters';
import { readMessage } from '@vm-task/bus/inbox';
import type { MessageId } from '@vm-task/shared/ids';
import { textMaxBytes } from '@vm-task/shared/inbox';
import { newTaskId } from '@vm-task/shared/new-ids';
import { readMessageSubject } from '@vm-task/shared/subjects';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { type IntakeProcess, makeHome, startIntake, startIntakeBroker } from './intake-process.ts';
import { completed, created } from './task-events.ts';

interface Answer {
  readonly id: string;
  readonly code: string;
  readonly detail: string;
  readonly group: string;
  readonly text: string;
  readonly messages: readonly Answer[];
}

async function ask(intake: IntakeProcess, method: string, path: string, body?: object): Promise<[number, Answer]> {
  const response = await intake.ask(method, path, body === undefined ? {} : { body });
  return [response.status, (await response.json()) as Answer];
}

async function priorities(broker: Broker): Promise<string[]> {
  const { state } = await broker.connection.jsm.streams.info('INBOX', { subjects_filter: '>' });
  return Object.keys(state.subjects ?? {})
    .map((subject) => subject.split('.')[2] ?? '')
    .sort();
}

test('messages of each priority go after their time while nothing runs but the broker', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  appendFileSync(folder.home.config, 'inbox: { keep: { info: 3s, normal: 5s, urgent: 7s } }\n');
  const intake = await startIntake(folder.home);
  for (const priority of ['info', 'normal', 'urgent']) {
    const [status] = await ask(intake, 'POST', '/v1/inbox', { to: 'anna', priority, from: 'test', text: priority });
    expect(status).toBe(201);
  }
  await intake.stop();
  expect(await priorities(broker)).toEqual(['info', 'normal', 'urgent']);
  for (const left of [['normal', 'urgent'], ['urgent'], []]) {
    await eventually(async () => String(await priorities(broker)) === String(left), { what: `only ${left} is left` });
  }
});

test('a message is sent, shown in its group, read and put away', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const text = '请看垃圾域名 🚀\n';
  const [, { id }] = await ask(intake, 'POST', '/v1/inbox', { to: 'anna', priority: 'urgent', from: 'kali', text });
  const list = async (query: string) =>
    (await ask(intake, 'GET', `/v1/inbox?${query}`))[1].messages.map((one) => [one.id, one.group, one.text]);
  expect(await list('to=anna')).toEqual([[id, 'now', text]]);
  expect(await list('to=kali')).toEqual([]);
  await ask(intake, 'POST', `/v1/inbox/${id}/read`);
  expect(await list('')).toEqual([[id, 'reference', text]]);
  await ask(intake, 'POST', `/v1/inbox/${id}/archived`);
  expect(await list('')).toEqual([]);
  expect(await list('archived=true')).toEqual([[id, 'reference', text]]);
  expect((await ask(intake, 'GET', `/v1/inbox/${id}`))[1]).toMatchObject({ text, archivedAt: expect.any(String) });
});

test('what a task has read is marked when the host says so that had its VM, whether it has ended or not', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const { bus, connection } = broker;
  const task = newTaskId(Date.now());
  const drafts = [created(task), vmReady(task), completed(task, null)];
  let expectedSeq = 0;
  for (const draft of drafts) {
    const appended = await bus.append(draft, expectedSeq, new AbortController().signal);
    expectedSeq = appended.kind === 'stored' ? appended.event.seq : 0;
  }
  const send = async (to: string) => (await ask(intake, 'POST', '/v1/inbox', { to, from: 'test', text: to }))[1].id;
  const [own, pools, others] = [await send(task), await send('default'), await send('anna')];
  const say = (id: string, host: string) =>
    connection.js.publish(readMessageSubject(task, host), JSON.stringify({ v: 1, id }));
  const reasons = async () => (await listLetters(connection, 0, 10)).map(({ letter }) => letter.reason);
  await say(own, 'host-2');
  await say(others, 'host-1');
  await eventually(async () => (await reasons()).length === 2, { what: 'both are refused' });
  expect((await reasons()).sort()).toEqual([
    `task ${task} was never at work on the host that says so`,
    `the message is not to task ${task}`,
  ]);
  for (const id of [own, pools]) await say(id, 'host-1');
  const readAt = async (id: string) => (await readMessage(connection, id as MessageId))?.message.readAt;
  for (const id of [own, pools]) await eventually(() => readAt(id), { what: 'it is marked' });
  expect(await readAt(others)).toBeNull();
});

test('what is too long, or to nobody, is refused with a sentence', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const [status, { code, detail }] = await ask(intake, 'POST', '/v1/inbox', {
    to: 'anna',
    from: 'test',
    text: 'x'.repeat(textMaxBytes + 1),
  });
  expect([status, code]).toEqual([413, 'message-too-large']);
  expect(detail).toContain('the text has 65537 bytes and may have 65536');
  expect(await ask(intake, 'POST', '/v1/inbox', { to: 'a.>', from: 'test', text: 'x' })).toMatchObject([
    400,
    { code: 'invalid-message' },
  ]);
  expect(await ask(intake, 'POST', '/v1/inbox/nothing/read')).toMatchObject([400, { code: 'invalid-id' }]);
});

test('a reader is shown messages and marks as they come, and goes on where it was', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const send = (text: string) => ask(intake, 'POST', '/v1/inbox', { to: 'anna', from: 'test', text });
  const listen = async (lastId: string, until: RegExp) => {
    const gone = new AbortController();
    const headers = { accept: 'text/event-stream', 'last-event-id': lastId };
    const { body } = await intake.ask('GET', '/v1/inbox?to=anna', { headers, signal: gone.signal });
    let heard = '';
    for await (const chunk of body ?? []) {
      heard += Buffer.from(chunk).toString('utf8');
      if (until.test(heard)) break;
    }
    gone.abort();
    return heard;
  };
  const [, { id }] = await send('one');
  const hearing = listen('0', /two/);
  await ask(intake, 'POST', `/v1/inbox/${id}/read`);
  await send('two');
  expect(await hearing).toMatch(/"text":"one"/);
  expect(await listen('2', /two/)).not.toMatch(/"text":"one"/);
});
