import { mkdir, writeFile } from 'node:fs/promises';
import { homeAt } from '@vm-task/shared/home';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { hostApiPrefix } from './accounts.ts';
import { type HostKey, newHostKey, readHostKey } from './host-key.ts';
import { openSecret } from './open-secret.ts';
import { listSecrets, removeSecret, storeSecret } from './secrets.ts';

const now = new Date('2026-01-02T03:04:05.000Z');
const secret = { name: 'git-token', team: null, value: 'tr0ub4dor&3 密码' };

async function makeKey(): Promise<HostKey> {
  await using folder = await makeTempFolder('secrets-key');
  const home = homeAt(folder.path);
  await mkdir(home.credentials);
  await writeFile(home.secretsKey, newHostKey(), { mode: 0o600 });
  const key = readHostKey(home);
  if (key === null) throw new Error('there is no key');
  return key;
}

const keysOf = (keys: Readonly<Record<string, HostKey>>) =>
  new Map(Object.entries(keys).map(([host, { publicKey }]) => [host, publicKey]));

/** Whatever the bucket has, as one text. */
async function everything({ connection: { jsm } }: Broker): Promise<string> {
  const { state } = await jsm.streams.info('KV_secrets');
  const all = Array.from({ length: state.last_seq }, (_, at) => jsm.streams.getMessage('KV_secrets', { seq: at + 1 }));
  return (await Promise.all(all)).map((message) => `${message?.subject} ${message?.string() ?? ''}`).join('\n');
}

test('a secret is opened by each host that it was set for, in its newest version, and is stored nowhere in the clear', async () => {
  await using broker = await startBroker({ users: ['runner', 'intake'] });
  await using intake = await broker.connect({ user: 'intake' });
  await using runner = await broker.connect({ user: 'runner' });
  const keys = { 'host-1': await makeKey(), 'host-2': await makeKey() };
  expect(await openSecret(runner.connection, 'host-1', secret, keys['host-1'])).toBeNull();
  const stored = await storeSecret(intake.connection, { ...secret, value: 'older' }, keysOf(keys), now);
  expect(stored).toMatchObject({ name: 'git-token', team: null, version: 1, setAt: now.toISOString() });
  expect(await storeSecret(intake.connection, secret, keysOf(keys), now)).toMatchObject({ version: 2 });
  expect(await openSecret(runner.connection, 'host-1', secret, keys['host-1'])).toBe(secret.value);
  expect(await openSecret(broker.connection, 'host-2', secret, keys['host-2'])).toBe(secret.value);
  for (const part of ['tr0ub4dor', '密码', 'older']) expect(await everything(broker)).not.toContain(part);
});

test("a host can neither read what is encrypted for another one, nor open it, nor write, nor put another's in its place", async () => {
  await using broker = await startBroker({ users: ['runner'] });
  await using runner = await broker.connect({ user: 'runner' });
  const keys = { 'host-1': await makeKey(), 'host-2': await makeKey() };
  await storeSecret(broker.connection, secret, keysOf(keys), now);
  await expect(openSecret(runner.connection, 'host-2', secret, keys['host-1'])).rejects.toThrow();
  const { nc, js, jsm } = runner.connection;
  const asked = { timeout: 1_000 };
  const last = JSON.stringify({ last_by_subj: '$KV.secrets.host-2.git-token' });
  for (const prefix of [hostApiPrefix, '$JS.API']) {
    for (const request of ['STREAM.MSG.GET.KV_secrets', 'DIRECT.GET.KV_secrets', 'STREAM.INFO.KV_secrets']) {
      await expect(nc.request(`${prefix}.${request}`, last, asked), `${prefix}.${request}`).rejects.toThrow();
    }
  }
  await expect(js.publish('$KV.secrets.host-1.git-token', 'x', asked)).rejects.toThrow();
  expect(await jsm.direct.getMessage('KV_secrets', { last_by_subj: '$KV.secrets.host-1.none' })).toBeNull();
  // What control's streams have of another host, under this host's name: as it is, and for this host's key.
  const foreign = await broker.connection.jsm.streams.getMessage('KV_secrets', {
    last_by_subj: '$KV.secrets.host-2.git-token',
  });
  await broker.connection.js.publish('$KV.secrets.host-1.git-token', foreign?.data ?? '');
  const moved = openSecret(runner.connection, 'host-1', secret, keys['host-2']);
  await expect(moved).rejects.toMatchObject({ code: 'secret-unusable' });
});

test('the list says which hosts have the newest version, for which key', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const [one, two] = [await makeKey(), await makeKey()];
  await storeSecret(connection, secret, keysOf({ 'host-1': one, 'host-2': two }), now);
  await storeSecret(connection, { ...secret, value: 'newer' }, keysOf({ 'host-1': one }), now);
  await storeSecret(connection, { ...secret, name: 'another' }, new Map(), now);
  expect(await listSecrets(connection)).toEqual([
    { name: 'another', team: null, shared: false, version: 1, setAt: now.toISOString(), encryptedFor: [] },
    {
      name: 'git-token',
      team: null,
      shared: false,
      version: 2,
      setAt: now.toISOString(),
      encryptedFor: [{ host: 'host-1', key: one.publicKey }],
    },
  ]);
});

test('a host whose key is another one now says so, and that the secret has to be set again', async () => {
  await using broker = await startBroker();
  await storeSecret(broker.connection, secret, keysOf({ 'host-1': await makeKey() }), now);
  for (const key of [await makeKey(), null]) {
    await expect(openSecret(broker.connection, 'host-1', secret, key)).rejects.toMatchObject({
      code: 'secret-unusable',
      message: expect.stringContaining('./vm-task secret set git-token'),
    });
  }
});

test('what was removed is gone from every host, and what is set after it is newer for all', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const key = await makeKey();
  await storeSecret(connection, secret, keysOf({ 'host-1': key }), now);
  expect(await removeSecret(connection, secret)).toBe(true);
  expect(await openSecret(connection, 'host-1', secret, key)).toBeNull();
  expect(await listSecrets(connection)).toEqual([]);
  expect(await removeSecret(connection, secret)).toBe(false);
  await storeSecret(connection, { ...secret, value: 'again' }, keysOf({ 'host-1': key }), now);
  expect(await openSecret(connection, 'host-1', secret, key)).toBe('again');
});

test('of settings at once each has a version of its own, and every host has the newest', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const keys = { 'host-1': await makeKey(), 'host-2': await makeKey() };
  const values = ['value 1', 'value 2', 'value 3', 'value 4'];
  const stored = await Promise.all(
    values.map((value) => storeSecret(connection, { ...secret, value }, keysOf(keys), now)),
  );
  expect(stored.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4]);
  const newest = values[stored.findIndex(({ version }) => version === 4)];
  for (const host of ['host-1', 'host-2'] as const) {
    expect(await openSecret(connection, host, secret, keys[host])).toBe(newest);
  }
});

test('a value that no secret can have, or a name that is none, is refused and not repeated', async () => {
  await using broker = await startBroker();
  const store = (more: object) => storeSecret(broker.connection, { ...secret, ...more }, new Map(), now);
  for (const value of ['abc', 'with \0 NUL', 'x'.repeat(32 * 1024 + 1), 'half \ud800']) {
    const refused = store({ value });
    await expect(refused).rejects.toMatchObject({ code: 'invalid-secret' });
    await expect(refused).rejects.not.toThrow(value);
  }
  for (const name of ['a.b', '*', '>', '', 'Big']) {
    await expect(store({ name })).rejects.toMatchObject({ code: 'invalid-id' });
  }
});

test("a secret of a team is the team's alone, and the home's are for a team only where they are shared", async () => {
  await using broker = await startBroker({ users: ['runner'] });
  await using runner = await broker.connect({ user: 'runner' });
  const { connection } = broker;
  const key = await makeKey();
  const keys = keysOf({ 'host-1': key });
  const set = (more: object) => storeSecret(connection, { ...secret, ...more }, keys, now);
  const open = (team: string | null) => openSecret(runner.connection, 'host-1', { team, name: 'git-token' }, key);
  await set({ value: 'of the home' });
  expect([await open(null), await open('red')]).toEqual(['of the home', null]);
  await set({ value: 'of all', shared: true });
  expect([await open(null), await open('red')]).toEqual(['of all', 'of all']);
  await set({ team: 'red', value: 'of red' });
  expect([await open(null), await open('red'), await open('blue')]).toEqual(['of all', 'of red', 'of all']);
  // A home's secret of the same name as a team is another one than what the team has.
  await set({ name: 'red', value: 'named red' });
  expect(await openSecret(runner.connection, 'host-1', { team: 'red', name: 'red' }, key)).toBeNull();
  const listed = async (team?: string | null) =>
    (await listSecrets(connection, team)).map(({ team: owner, name, version }) => [owner, name, version]);
  const [ofHome, ofRed] = [
    [
      [null, 'git-token', 2],
      [null, 'red', 1],
    ],
    [['red', 'git-token', 1]],
  ];
  expect([await listed(), await listed(null), await listed('red'), await listed('blue')]).toEqual([
    [...ofHome, ...ofRed],
    ofHome,
    ofRed,
    [],
  ]);
  expect(await removeSecret(connection, { team: 'blue', name: 'git-token' })).toBe(false);
  expect(await removeSecret(connection, { team: 'red', name: 'git-token' })).toBe(true);
  expect([await open(null), await open('red')]).toEqual(['of all', 'of all']);
});

test("what is encrypted for one owner means nothing in another one's place, nor under another name", async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const key = await makeKey();
  const red = { team: 'red', name: 'git-token' };
  await storeSecret(connection, { ...secret, ...red }, keysOf({ 'host-1': key }), now);
  const stored = await connection.jsm.streams.getMessage('KV_secrets', {
    last_by_subj: '$KV.secrets.host-1.red.git-token',
  });
  for (const moved of [
    { team: 'blue', name: 'git-token' },
    { team: null, name: 'git-token' },
    { team: 'red', name: 'x' },
  ]) {
    const place = [moved.team, moved.name].filter((part) => part !== null).join('.');
    await connection.js.publish(`$KV.secrets.host-1.${place}`, stored?.data ?? '');
    await expect(openSecret(connection, 'host-1', moved, key), place).rejects.toMatchObject({
      code: 'secret-unusable',
    });
  }
  expect(await openSecret(connection, 'host-1', red, key)).toBe(secret.value);
  for (const team of ['a.b', '*', '>', 'Big']) {
    await expect(storeSecret(connection, { ...secret, team }, new Map(), now)).rejects.toMatchObject({
      code: 'invalid-id',
    });
  }
});

test('a host that was left out when a secret was set anew has nothing of the older one, and says what to do', async () => {
  await using broker = await startBroker({ users: ['runner'] });
  await using runner = await broker.connect({ user: 'runner' });
  const { connection } = broker;
  const keys = { 'host-1': await makeKey(), 'host-2': await makeKey() };
  const forBoth = keysOf(keys);
  await storeSecret(connection, { ...secret, value: 'older' }, forBoth, now);
  const without = new Map([
    ['host-1', null],
    ['host-2', keys['host-2'].publicKey],
  ]);
  expect(await storeSecret(connection, secret, without, now)).toMatchObject({
    version: 2,
    encryptedFor: [{ host: 'host-2' }],
  });
  const lost = () => openSecret(runner.connection, 'host-1', secret, keys['host-1']);
  await expect(lost()).rejects.toMatchObject({
    code: 'secret-unusable',
    message: expect.stringMatching(/set while host-1 was not there or had no key.*\.\/vm-task secret set git-token$/),
  });
  expect(await openSecret(connection, 'host-2', secret, keys['host-2'])).toBe(secret.value);
  expect(await listSecrets(connection)).toMatchObject([{ version: 2, encryptedFor: [{ host: 'host-2' }] }]);
  // Nobody knows of the host any more, and it has an entry all the same.
  await storeSecret(connection, secret, forBoth, now);
  await storeSecret(connection, secret, new Map(), now);
  await expect(lost()).rejects.toMatchObject({ code: 'secret-unusable' });
  await storeSecret(connection, { ...secret, value: 'again' }, forBoth, now);
  expect(await lost()).toBe('again');
});

test('a slower setting of an older version does not reach a host that a newer one has left out', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const key = await makeKey();
  const [isThere, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { js } = connection;
  const publish: typeof js.publish = async (subject, ...rest) => {
    if (subject.includes('.host-1.')) {
      isThere.resolve();
      await goOn.promise;
    }
    return js.publish(subject, ...rest);
  };
  const slow = { ...connection, js: Object.assign(Object.create(js), { publish }) };
  const older = storeSecret(slow, { ...secret, value: 'older' }, keysOf({ 'host-1': key }), now);
  await isThere.promise;
  const newer = storeSecret(connection, secret, new Map([['host-1', null]]), now);
  expect(await newer).toMatchObject({ version: 2 });
  goOn.resolve();
  await older;
  await expect(openSecret(connection, 'host-1', secret, key)).rejects.toMatchObject({ code: 'secret-unusable' });
});
