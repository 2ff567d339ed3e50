import { eventPatterns, inboxPattern, subjectMatches } from '@vm-task/shared/subjects';
import { accountsWith, type Broker, sampleScope, startBroker } from '@vm-task/testing/broker';
import { expect, test } from 'vitest';
import { type Accounts, ownRights, type Permissions } from './accounts.ts';
import { type BrokerUser, brokerUsers } from './credentials.ts';
import { lackingRights } from './lacking-rights.ts';
import { artifactsOf, buckets, streams } from './streams.ts';
import { storeTemplate } from './templates.ts';

type Change = (user: BrokerUser, permissions: Permissions) => Permissions;

/** A broker with its users; `change` alters what one of them may do. */
function startWithUsers(change: Change = (_user, same) => same) {
  const { accounts, ...config } = JSON.parse(`{${accountsWith(brokerUsers, sampleScope)}}`) as { accounts: Accounts };
  const users = Object.values(accounts).flatMap((account) => account.users ?? []);
  for (const user of users) {
    const name = brokerUsers.find((one) => one === user.user);
    if (name !== undefined && user.permissions !== undefined) user.permissions = change(name, user.permissions);
  }
  return startBroker({ config: JSON.stringify({ accounts, ...config }).slice(1, -1) });
}

const lackingOf = async (broker: Broker, user: BrokerUser) => {
  await using own = await broker.connect({ user });
  return await lackingRights(own.connection, user, sampleScope);
};

test('with all that it has to have, no user is refused anything, and nothing is stored, taken or removed', async () => {
  await using broker = await startWithUsers();
  const { connection } = broker;
  await storeTemplate(connection, { name: 'a-template', task: {} }, new Date());
  await connection.js.publish('task.submit', '{}');
  await connection.js.publish('dead.someone.EVENTS.1.any', '{}');
  const all = [
    ...Object.keys(streams),
    ...Object.keys(buckets).map((name) => `KV_${name}`),
    `OBJ_${artifactsOf(sampleScope.host)}`,
  ];
  const states = () =>
    Promise.all(
      all.map(async (name) => {
        const { messages, last_seq, num_deleted, consumer_count } = (await connection.jsm.streams.info(name)).state;
        return { name, messages, last_seq, num_deleted, consumer_count };
      }),
    );
  const before = await states();
  for (const user of brokerUsers) {
    expect({ user, refused: await lackingOf(broker, user) }).toEqual({ user, refused: [] });
  }
  expect(await states()).toEqual(before);
});

test('each permission that a service lacks is named, and no other', async () => {
  const taken: string[] = [];
  const takeOne = (user: BrokerUser, { publish, subscribe }: Permissions) => {
    if (user === 'submit' || user === 'system') return { publish, subscribe };
    // What another permission gives as well is not lacking, and without `ownRights` nothing is learnt.
    const isGivenTwice = (subject: string) => publish.some((one) => one !== subject && subjectMatches(one, subject));
    const single = publish.filter((subject) => subject !== ownRights && !isGivenTwice(subject));
    const lacking = single.filter((_subject, n) => n % 7 === 0);
    taken.push(...lacking.map((subject) => `${user} may not publish ${subject}`));
    return { publish: publish.filter((subject) => !lacking.includes(subject)), subscribe };
  };
  await using broker = await startWithUsers(takeOne);
  const named: string[] = [];
  for (const user of brokerUsers) {
    const refused = await lackingOf(broker, user);
    named.push(...refused.map(({ what, subject }) => `${user} ${what} ${subject}`));
  }
  expect(named.sort()).toEqual(taken.sort());
});

test('a user that may not hear answers is named with where it would hear them', async () => {
  const deaf = (user: BrokerUser, { publish, subscribe }: Permissions) => ({
    publish,
    subscribe: user === 'runner' ? subscribe.filter((subject) => !subject.startsWith('_INBOX_')) : subscribe,
  });
  await using broker = await startWithUsers(deaf);
  expect(await lackingOf(broker, 'runner')).toEqual([{ what: 'may not subscribe to', subject: '_INBOX_runner.>' }]);
});

test('a user that may not ask is named with that, and one whose rights are denied again with those', async () => {
  const change: Change = (user, { publish, subscribe }) => {
    if (user === 'runner') return { publish: publish.filter((subject) => subject !== ownRights), subscribe };
    if (user !== 'reaper') return { publish, subscribe };
    // The server takes such an object for a list.
    const denied: unknown = { allow: publish, deny: ['task.retrying.>'] };
    return { publish: denied as readonly string[], subscribe: ['>'] };
  };
  await using broker = await startWithUsers(change);
  expect(await lackingOf(broker, 'runner')).toEqual([{ what: 'may not publish', subject: ownRights }]);
  expect(await lackingOf(broker, 'reaper')).toEqual([
    { what: 'may not publish', subject: eventPatterns['task.retrying'] },
  ]);
});

test('a stream that is not there gives no answer', async () => {
  await using broker = await startWithUsers();
  await broker.connection.jsm.streams.delete('INBOX');
  expect(await lackingOf(broker, 'runner')).toEqual([
    { what: 'gets no answer on', subject: inboxPattern.replace(/\*$/, sampleScope.host) },
  ]);
});
