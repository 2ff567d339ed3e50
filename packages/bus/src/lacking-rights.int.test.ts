import { inboxPattern } from '@vm-task/shared/subjects';
import { startBroker } from '@vm-task/testing/broker';
import { expect, test } from 'vitest';
import { brokerUsers } from './credentials.ts';
import { lackingRights } from './lacking-rights.ts';
import { ownRights, type Permissions, permissionsOf } from './permissions.ts';
import { buckets, objectStores, streams } from './streams.ts';
import { storeTemplate } from './templates.ts';

/** A broker with its users; `change` alters what one of them may do. */
function startWithUsers(change: (user: string, permissions: Permissions) => Permissions = (_user, same) => same) {
  const users = brokerUsers.map((user) => ({ user, password: user, permissions: change(user, permissionsOf(user)) }));
  const test = { user: 'test', password: 'test' };
  return startBroker({ config: `authorization: ${JSON.stringify({ users: [test, ...users] })}` });
}

test('with all that it has to have, no user is refused anything, and nothing is stored, taken or removed', async () => {
  await using broker = await startWithUsers();
  const { connection } = broker;
  await storeTemplate(connection, { name: 'a-template', task: {} }, new Date());
  await connection.js.publish('task.submit', '{}');
  await connection.js.publish('dead.someone.EVENTS.1', '{}');
  const all = [
    ...Object.keys(streams),
    ...Object.keys(buckets).map((name) => `KV_${name}`),
    ...Object.keys(objectStores).map((name) => `OBJ_${name}`),
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
    await using own = await broker.connect({ user, pass: user });
    expect({ user, refused: await lackingRights(own.connection, user) }).toEqual({ user, refused: [] });
  }
  expect(await states()).toEqual(before);
});

test('each permission that a service lacks is named, and no other', async () => {
  const taken: string[] = [];
  const takeOne = (user: string, { publish, subscribe }: Permissions) => {
    if (user === 'submit' || user === 'system') return { publish, subscribe };
    // `$JS.API.STREAM.INFO.*` gives what the ones for single streams give, and without `ownRights` nothing is learnt.
    const single = publish.filter(
      (subject) => subject !== ownRights && !/^\$JS\.API\.STREAM\.INFO\.\w+$/.test(subject),
    );
    const lacking = single.filter((_subject, n) => n % 7 === 0);
    taken.push(...lacking.map((subject) => `${user} may not publish ${subject}`));
    return { publish: publish.filter((subject) => !lacking.includes(subject)), subscribe };
  };
  await using broker = await startWithUsers(takeOne);
  const named: string[] = [];
  for (const user of brokerUsers) {
    await using own = await broker.connect({ user, pass: user });
    const refused = await lackingRights(own.connection, user);
    named.push(...refused.map(({ what, subject }) => `${user} ${what} ${subject}`));
  }
  expect(named.sort()).toEqual(taken.sort());
});

test('a user that may not hear answers is named with where it would hear them', async () => {
  const deaf = (user: string, { publish, subscribe }: Permissions) => ({
    publish,
    subscribe: user === 'runner' ? subscribe.filter((subject) => !subject.startsWith('_INBOX_')) : subscribe,
  });
  await using broker = await startWithUsers(deaf);
  await using own = await broker.connect({ user: 'runner', pass: 'runner' });
  const refused = await lackingRights(own.connection, 'runner');
  expect(refused).toEqual([{ what: 'may not subscribe to', subject: '_INBOX_runner.>' }]);
});

test('a user that may not ask is named with that, and one whose rights are denied again with those', async () => {
  const without = ({ publish, subscribe }: Permissions) => ({
    publish: publish.filter((subject) => subject !== ownRights),
    subscribe,
  });
  const denied = { publish: { allow: permissionsOf('reaper').publish, deny: ['task.retrying.>'] }, subscribe: ['>'] };
  const users = [
    { user: 'test', password: 'test' },
    { user: 'runner', password: 'runner', permissions: without(permissionsOf('runner')) },
    { user: 'reaper', password: 'reaper', permissions: denied },
  ];
  await using broker = await startBroker({ config: `authorization: ${JSON.stringify({ users })}` });
  await using runner = await broker.connect({ user: 'runner', pass: 'runner' });
  expect(await lackingRights(runner.connection, 'runner')).toEqual([{ what: 'may not publish', subject: ownRights }]);
  await using reaper = await broker.connect({ user: 'reaper', pass: 'reaper' });
  expect(await lackingRights(reaper.connection, 'reaper')).toEqual([
    { what: 'may not publish', subject: 'task.retrying.*.*' },
  ]);
});

test('a stream that is not there gives no answer', async () => {
  await using broker = await startWithUsers();
  await broker.connection.jsm.streams.delete('INBOX');
  await using own = await broker.connect({ user: 'runner', pass: 'runner' });
  expect(await lackingRights(own.connection, 'runner')).toEqual([{ what: 'gets no answer on', subject: inboxPattern }]);
});
