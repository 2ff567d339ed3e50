import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { listLetters } from '@vm-task/bus/dead-letters';
import { listMessages } from '@vm-task/bus/inbox';
import type { Home } from '@vm-task/shared/home';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { alertRaised } from '@vm-task/testing/sample-events';
import { type Answer, signingKey, startReceiver } from '@vm-task/testing/webhook-receiver';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker } from './intake-process.ts';

const { signal } = new AbortController();

/** One webhook, `pager`, with its key. */
function configure(home: Home, url: string, more = ''): void {
  mkdirSync(home.secrets, { recursive: true, mode: 0o700 });
  writeFileSync(home.secret('pager-key'), `${signingKey}\n`, { mode: 0o600 });
  const webhook = `{ url: "${url}", secret: pager-key, allow: [127.0.0.1/32] ${more} }`;
  appendFileSync(home.config, `alerts: { to: [anna], webhooks: { pager: ${webhook} } }\n`);
}

async function messages(broker: Broker, to: string): Promise<string[]> {
  const page = await listMessages(broker.connection, to, { after: 0, limit: 100 });
  return page.messages.map(({ message }) => message.text);
}

test('an alert is in the inbox and at the receiver, which verifies it', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using receiver = await startReceiver();
  configure(folder.home, receiver.url);
  await using _intake = await startIntake(folder.home);
  const links = [{ title: 'task', href: '/v1/tasks/x' }];
  await broker.bus.announce(alertRaised({ text: '请看 🚀', links }), signal);
  await eventually(() => receiver.received.length, { what: 'it is posted' });
  const data = { severity: 'warning', kind: 'pool-full', id: 'default', text: '请看 🚀', links };
  expect(receiver.received).toMatchObject([{ type: 'alert.raised', data }]);
  expect(await messages(broker, 'anna')).toEqual(['请看 🚀']);
});

test('a receiver that is down gets the alert once it is up', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  const { port, url, [Symbol.asyncDispose]: stop } = await startReceiver();
  await stop();
  configure(folder.home, url);
  await using _intake = await startIntake(folder.home);
  await broker.bus.announce(alertRaised(), signal);
  await eventually(async () => (await messages(broker, 'anna')).length, { what: 'the inbox has it' });
  await using receiver = await startReceiver({ port });
  await eventually(() => receiver.received.length, { what: 'it is posted' });
});

test('what a crash made intake post twice has the same id both times', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  const hang: Answer = () => undefined;
  const take: Answer = (response) => void response.writeHead(200).end();
  const answers = [hang, take];
  await using receiver = await startReceiver({ answer: (...to) => (answers.shift() ?? take)(...to) });
  configure(folder.home, receiver.url);
  const intake = await startIntake(folder.home);
  await broker.bus.announce(alertRaised(), signal);
  await eventually(() => receiver.received.length, { what: 'it is posted' });
  await intake.kill();
  await using _again = await startIntake(folder.home);
  await eventually(() => receiver.received.length === 2, { what: 'it is posted again', limitMs: 60_000 });
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
  expect(await messages(broker, 'anna')).toHaveLength(1);
});

test('what a receiver never takes is a dead letter that raises no alert, and a replay posts it', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  let status = 500;
  await using receiver = await startReceiver({ answer: (response) => void response.writeHead(status).end() });
  configure(folder.home, receiver.url, ', retryFor: 1s');
  await using intake = await startIntake(folder.home);
  await broker.bus.announce(alertRaised(), signal);
  const letter = await eventually(async () => (await listLetters(broker.connection, 0, 1))[0], { what: 'it is dead' });
  expect(letter.letter).toMatchObject({ consumer: 'intake-alert-raised', reason: 'webhook "pager" answered 500' });
  expect(await messages(broker, 'anna')).toHaveLength(2);
  const { state } = await broker.connection.jsm.streams.info('EVENTS');
  expect(state.messages).toBe(1);
  status = 204;
  expect((await intake.ask('POST', `/v1/deadletters/${letter.seq}/replay`)).status).toBe(202);
  const gone = async () => (await listLetters(broker.connection, 0, 1)).length === 0;
  await eventually(gone, { what: 'it is taken' });
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
});
