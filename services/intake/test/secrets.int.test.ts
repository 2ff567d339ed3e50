/** Secrets of a home and of its teams over HTTP: who may set, list and remove which. */
import { renewLease } from '@vm-task/bus/host-leases';
import { createClient } from '@vm-task/client/client';
import type { TokenRole } from '@vm-task/shared/token-roles';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker, token } from './intake-process.ts';

async function startSystem() {
  await using started = new AsyncDisposableStack();
  const broker = started.use(await startIntakeBroker());
  const folder = started.use(await makeHome(broker));
  const intake = started.use(await startIntake(folder.home));
  const as = (text: string) => createClient({ url: intake.url, token: text });
  const admin = as(token);
  const make = async (name: string, role: TokenRole, team?: string) =>
    as((await admin.tokens.create({ name, role, team })).token);
  const all = started.move();
  return { broker, admin, make, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const forbidden = { code: 'forbidden' };

test("a team's operator sets, lists and removes what is the team's, and nothing of anybody else", async () => {
  await using system = await startSystem();
  const { admin } = system;
  const red = await system.make('red-ops', 'operator', 'red');
  const blue = await system.make('blue-ops', 'operator', 'blue');
  const small = await system.make('red-ci', 'submitter', 'red');
  await admin.secrets.set('key', 'of the home');
  await admin.secrets.set('key', 'of blue', { team: 'blue' });
  expect(await red.secrets.set('key', 'of red')).toMatchObject({ name: 'key', team: 'red', version: 1, shared: false });
  for (const asked of [
    () => red.secrets.set('key', 'mine now', { team: 'blue' }),
    () => red.secrets.list({ team: 'blue' }),
    () => red.secrets.remove('key', { team: 'blue' }),
    () => small.secrets.set('key', 'mine now'),
    () => small.secrets.list(),
    () => small.secrets.remove('key'),
  ]) {
    await expect(asked()).rejects.toMatchObject(forbidden);
  }
  await expect(red.secrets.set('key', 'of all', { shared: true })).rejects.toMatchObject({ code: 'invalid-request' });
  const owners = async (client: typeof admin, team?: string) =>
    (await client.secrets.list({ team })).secrets.map((secret) => [secret.team, secret.name, secret.version]);
  expect([await owners(red), await owners(red, 'red'), await owners(blue)]).toEqual([
    [['red', 'key', 1]],
    [['red', 'key', 1]],
    [['blue', 'key', 1]],
  ]);
  expect([await owners(admin), await owners(admin, 'red')]).toEqual([
    [
      [null, 'key', 1],
      ['blue', 'key', 1],
      ['red', 'key', 1],
    ],
    [['red', 'key', 1]],
  ]);
  expect(await red.secrets.remove('key')).toEqual({ name: 'key', team: 'red' });
  await expect(red.secrets.remove('key')).rejects.toMatchObject({ code: 'secret-not-found' });
  expect(await owners(admin)).toEqual([
    [null, 'key', 1],
    ['blue', 'key', 1],
  ]);
  const { records } = await admin.audit.list({ who: 'red-ops', about: 'red' });
  expect(records.map(({ who, act, about }) => [who?.name, act, about])).toEqual([
    [
      'red-ops',
      'POST /v1/secrets',
      [
        { kind: 'secret', id: 'key' },
        { kind: 'team', id: 'red' },
      ],
    ],
    [
      'red-ops',
      'DELETE /v1/secrets/:name',
      [
        { kind: 'secret', id: 'key' },
        { kind: 'team', id: 'red' },
      ],
    ],
  ]);
});

test('the answer to a setting names the hosts that have it, and those that have no key', async () => {
  await using system = await startSystem();
  const lease = {
    v: 1 as const,
    version: '0.0.1',
    draining: false,
    maxVms: 1,
    pools: [],
    vms: [],
    unreadableVms: 0,
    diskFreeBytes: 1,
    memoryFreeBytes: 1,
    memoryBytes: 1,
    processors: 1,
    kvm: false,
    load: [],
  };
  await renewLease(system.broker.connection, { ...lease, host: 'older' });
  expect(await system.admin.secrets.set('key', 'of all', { shared: true })).toMatchObject({
    shared: true,
    hosts: [{ name: 'older', state: 'no-key' }],
  });
});
