import { mkdir, writeFile } from 'node:fs/promises';
import { homeAt } from '@vm-task/shared/home';
import { type Broker, startBroker } from '@vm-task/testing/broker';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { hostApiPrefix } from './accounts.ts';
import { type HostKey, newHostKey, readHostKey } from './host-key.ts';
import { listSecrets, openSecret, removeSecret, storeSecret } from './secrets.ts';

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
  expect(await openSecret(runner.connection, 'host-1', 'git-token', keys['host-1'])).toBeNull();
  const stored = await storeSecret(intake.connection, { ...secret, value: 'older' }, keysOf(keys), now);
  expect(stored).toMatchObject({ name: 'git-token', team: null, version: 1, setAt: now.toISOString() });
  expect(await storeSecret(intake.connection, secret, keysOf(keys), now)).toMatchObject({ version: 2 });
  expect(await openSecret(runner.connection, 'host-1', 'git-token', keys['host-1'])).toBe(secret.value);
  expect(await openSecret(broker.connection, 'host-2', 'git-token', keys['host-2'])).toBe(secret.value);
  for (const part of ['tr0ub4dor', '密码', 'older']) expect(await everything(broker)).not.toContain(part);
});

test("a host can neither read what is encrypted for another one, nor open it, nor write, nor put another's in its place", async () => {
  await using broker = await startBroker({ users: ['runner'] });
  await using runner = await broker.connect({ user: 'runner' });
  const keys = { 'host-1': await makeKey(), 'host-2': await makeKey() };
  await storeSecret(broker.connection, secret, keysOf(keys), now);
  await expect(openSecret(runner.connection, 'host-2', 'git-token', keys['host-1'])).rejects.toThrow();
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
  const moved = openSecret(runner.connection, 'host-1', 'git-token', keys['host-2']);
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
    { name: 'another', team: null, version: 1, setAt: now.toISOString(), encryptedFor: [] },
    {
      name: 'git-token',
      team: null,
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
    await expect(openSecret(broker.connection, 'host-1', 'git-token', key)).rejects.toMatchObject({
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
  expect(await removeSecret(connection, 'git-token')).toBe(true);
  expect(await openSecret(connection, 'host-1', 'git-token', key)).toBeNull();
  expect(await listSecrets(connection)).toEqual([]);
  expect(await removeSecret(connection, 'git-token')).toBe(false);
  await storeSecret(connection, { ...secret, value: 'again' }, keysOf({ 'host-1': key }), now);
  expect(await openSecret(connection, 'host-1', 'git-token', key)).toBe('again');
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
    expect(await openSecret(connection, host, 'git-token', keys[host])).toBe(newest);
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
