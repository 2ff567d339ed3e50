/** A whole system, brought up in this process and without a VM; then it is broken in one way after the other. */
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, decode, encodeAccount } from '@nats-io/jwt';
import { openAsOwner, replaceAccounts } from '@vm-task/bus/broker-owner';
import { type Connection, openConnection } from '@vm-task/bus/connection';
import { type BrokerUser, readBrokerAddress } from '@vm-task/bus/credentials';
import { accountIdOf, signAccounts } from '@vm-task/bus/operator';
import { makeInfrastructure } from '@vm-task/bus/provision';
import { artifactsOf } from '@vm-task/bus/streams';
import { storeTemplate } from '@vm-task/bus/templates';
import { readKeys } from '@vm-task/embedded/operator-keys';
import { readState } from '@vm-task/embedded/state';
import { runSystem } from '@vm-task/embedded/supervisor';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import { openFolder } from '@vm-task/hypervisor/ledger/ledger';
import { takeSlots } from '@vm-task/hypervisor/ledger/slots';
import { loadConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { durablesFor } from '@vm-task/shared/flow';
import { cacheAt, type Home, homeAt } from '@vm-task/shared/home';
import { newVmId } from '@vm-task/shared/new-ids';
import { eventually } from '@vm-task/testing/conditions';
import { creatingVm } from '@vm-task/testing/sample-states';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { dump } from 'js-yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checksFor } from './checks.ts';
import { openContext } from './context.ts';
import { type Checked, runChecks } from './run-checks.ts';

const poolMax = 2;

let folder: TempFolder;
let machine: SshGuest;
let home: Home;
let environment: Environment;
const stop = new AbortController();
let over: Promise<void>;

beforeAll(async () => {
  folder = await makeTempFolder('doctor');
  machine = await startSshGuest();
  home = homeAt(join(folder.path, 'home'));
  environment = { home, cache: cacheAt(join(folder.path, 'cache')), otlpEndpoint: null, logLevel: 'silent' };
  await mkdir(join(home.root, 'keys'), { recursive: true });
  await writeFile(join(home.root, 'keys', 'kali'), machine.privateKey, { mode: 0o600 });
  await configure({});
  over = runSystem({
    environment,
    config: loadConfig(home),
    role: 'all',
    stop: stop.signal,
    onChange: () => undefined,
    tell: () => undefined,
  });
  await Promise.race([over, eventually(isReady, { what: 'the system is ready', limitMs: 100_000 })]);
  await using intake = await connect('intake');
  await storeTemplate(intake, { name: 'greet', task: { run: 'echo hi' } }, new Date());
});

afterAll(async () => {
  stop.abort();
  await over;
  await machine[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** As `up` does. */
async function makeAll(system: Connection): Promise<void> {
  const hosts = [readHostId(home)];
  const pools = Object.keys(loadConfig(home).pools);
  await makeInfrastructure(system, { durables: durablesFor(pools, hosts), hosts });
}

const isReady = () => readState(home)?.phase === 'ready';
const connect = (user: BrokerUser): Promise<Connection> =>
  openConnection(readBrokerAddress(home, user), `test ${user}`);

/** Nothing warm, so that no VM is made; nothing of a test's is tidied away under it. */
async function configure(changes: object): Promise<void> {
  const { host, port, user, hostKey } = machine.access;
  const kali = { driver: 'ssh', host, port, user, hostKey, key: 'keys/kali', ...changes };
  const pools = { default: { max: poolMax, warm: 0 }, kali };
  const config = { nats: { port: 0 }, http: { port: 0 }, reaper: { orphanGrace: '1h' }, pools };
  await writeFile(home.config, dump(config));
}

async function look(now?: () => number): Promise<Checked[]> {
  await using context = openContext(environment, now);
  return await runChecks(checksFor(context.drivers), context);
}

/** What is amiss; besides that only checks may be left out which say that it is in their way. */
function namedBy(found: readonly Checked[]): string[] {
  const isSkipped = ({ detail }: Checked) => detail.startsWith('skipped: ');
  const named = found.filter((one) => one.status !== 'pass' && !isSkipped(one));
  for (const { fix } of named) expect(fix).toMatch(/\w/);
  for (const { detail } of found.filter(isSkipped)) expect(detail).toMatch(new RegExp(`see ${named[0]?.name}$`));
  return named.map(({ name, status }) => `${status} ${name}`);
}

const detailOf = (found: readonly Checked[], wanted: string) => found.find(({ name }) => name === wanted)?.detail;

test('on a fresh system every check passes', async () => {
  const passed = await eventually(
    async () => {
      const found = await look();
      return found.every(({ status }) => status === 'pass') && found;
    },
    { what: 'every check passes', limitMs: 60_000 },
  );
  expect(passed.length).toBeGreaterThanOrEqual(12);
});

test('a broker that is stopped is named, and nothing else', async () => {
  const pid = readState(home)?.nats?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  try {
    expect(namedBy(await look())).toEqual(['fail broker']);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await eventually(async () => namedBy(await look()).length === 0, { what: 'all is well again', limitMs: 60_000 });
});

test('a stream that was removed is named, and nothing else', async () => {
  await using system = await connect('system');
  await system.jsm.streams.delete('INBOX');
  try {
    const found = await look();
    expect(namedBy(found)).toEqual(['fail streams']);
    expect(detailOf(found, 'streams')).toContain('stream INBOX cannot be read');
  } finally {
    await makeAll(system);
  }
});

test('a stream whose settings were altered is named with the setting', async () => {
  await using system = await connect('system');
  await system.jsm.streams.update('LOGS', { max_age: 1_000_000_000_000 });
  try {
    const found = await look();
    expect(namedBy(found)).toEqual(['fail streams']);
    expect(detailOf(found, 'streams')).toContain('stream LOGS: max_age');
  } finally {
    await makeAll(system);
  }
});

test('a store of files that is nearly full is named, and nothing else', async () => {
  await using system = await connect('system');
  const { jsm, js } = system;
  const bucket = artifactsOf(readHostId(home));
  const { config } = await jsm.streams.info(`OBJ_${bucket}`);
  await jsm.streams.update(`OBJ_${bucket}`, { max_bytes: 20_000 });
  try {
    await js.publish(`$O.${bucket}.C.x`, Buffer.alloc(17_000));
    const found = await look();
    expect(namedBy(found)).toEqual(['fail streams']);
  } finally {
    await jsm.streams.purge(`OBJ_${bucket}`);
    await jsm.streams.update(`OBJ_${bucket}`, { max_bytes: config.max_bytes });
  }
});

test('a named VM with another host key is named, and that its configuration is new, and nothing else', async () => {
  await configure({ hostKey: `ssh-ed25519 ${'A'.repeat(68)}` });
  try {
    const found = await look();
    expect(namedBy(found)).toEqual(['warn configuration', 'fail named-vms']);
    expect(detailOf(found, 'configuration')).toContain('altered since the system read it');
    expect(detailOf(found, 'named-vms')).toMatch(/kali: .*host key/);
  } finally {
    await configure({});
  }
});

test('a pool that has been full for long is named, and nothing else', async () => {
  const hypervisor = createHypervisor({ environment, config: loadConfig(home) });
  const createdAt = new Date(Date.now() - 20 * 60_000).toISOString();
  for (let n = 0; n < poolMax; n++) {
    const { record } = creatingVm({ createdAt });
    const taken = await takeSlots(home, record.vm, 'default', { poolMax, hostMax: 16 });
    if (taken.kind !== 'taken') throw new Error('no slot is free');
    await openFolder(home, { ...record, slots: taken.slots });
  }
  try {
    const found = await look();
    expect(namedBy(found)).toEqual(['fail pools']);
    expect(detailOf(found, 'pools')).toContain('pool default is full: all 2 VMs are taken');
  } finally {
    for (const { record } of await hypervisor.list()) await hypervisor.destroy(record.vm, 'the test is over');
  }
});

test('a template that was spoilt is named, and nothing else, until it is installed again', async () => {
  await using system = await connect('system');
  await system.js.publish('$KV.templates.greet.1', '{"v":1,"version":1');
  const found = await look();
  expect(namedBy(found)).toEqual(['fail templates']);
  expect(detailOf(found, 'templates')).toContain('greet@1 cannot be used');
  await using intake = await connect('intake');
  expect(await storeTemplate(intake, { name: 'greet', task: { run: 'echo hi' } }, new Date())).toMatchObject({
    version: 2,
  });
  expect(namedBy(await look())).toEqual([]);
});

/** Gives the running broker the account of the home's host, in which no role may publish to this pattern. */
async function takeAway(pattern: string | null): Promise<void> {
  const keys = readKeys(home);
  if (keys === null) throw new Error('the home has been up');
  const host = readHostId(home);
  const scope = { host, pools: Object.keys(loadConfig(home).pools) };
  const { accounts } = await signAccounts(keys, scope);
  const name = `HOST_${host}`;
  const { nats } = decode<Account>(accounts[accountIdOf(keys, name)] ?? '');
  for (const signer of nats.signing_keys ?? []) {
    if (typeof signer === 'string' || signer.template.pub === undefined) continue;
    signer.template.pub.allow = signer.template.pub.allow?.filter((subject) => subject !== pattern) ?? [];
  }
  const token = await encodeAccount(name, keys.accounts[name] ?? '', nats, { signer: keys.operator });
  await using owner = await openAsOwner(readBrokerAddress(home, 'system'), keys);
  await replaceAccounts(owner, { systemAccount: '', accounts: { [name]: token } });
}

test('a permission that was taken away is named with its user and subject, and nothing else', async () => {
  const pattern = `log.*.*.*.${readHostId(home)}`;
  await takeAway(pattern);
  try {
    const detail = ['provisioner', 'runner'].map((user) => `${user} may not publish ${pattern}`).join('; ');
    await eventually(async () => detailOf(await look(), 'permissions') === detail, { what: 'it is named' });
    expect(namedBy(await look())).toEqual(['fail permissions']);
  } finally {
    await takeAway(null);
  }
  await eventually(async () => namedBy(await look()).length === 0, { what: 'all is well again' });
});

test('a dead letter is a warning that says whose it is', async () => {
  await using intake = await connect('intake');
  const letter = {
    consumer: 'a-worker',
    reason: 'unreadable',
    subject: 's',
    stream: 'EVENTS',
    seq: 1,
    time: new Date(),
    headers: {},
  };
  const data = JSON.stringify({ ...letter, traceparent: null, data: null });
  const { seq } = await intake.js.publish('dead.a-worker.EVENTS.1.any', data);
  const found = await look();
  expect(namedBy(found)).toEqual(['warn dead-letters']);
  expect(detailOf(found, 'dead-letters')).toContain('a-worker: unreadable');
  await intake.jsm.streams.deleteMessage('DEAD', seq);
});

test('a slot that no VM of the ledger has is a leak', async () => {
  const vm = newVmId(Date.now());
  const slot = join(home.slots, 'pools', 'default', '7');
  await mkdir(slot, { recursive: true });
  await writeFile(join(slot, vm), '');
  await utimes(slot, 0, 0);
  const found = await look();
  expect(namedBy(found)).toEqual(['fail leaks']);
  expect(detailOf(found, 'leaks')).toContain(vm);
  await rm(slot, { recursive: true });
});

test("a clock that is apart from the broker's is named with by how much", async () => {
  const found = await look(() => Date.now() + 60_000);
  // What is full is full for longer by such a clock; nothing is.
  expect(namedBy(found)).toEqual(['fail clock']);
  expect(detailOf(found, 'clock')).toMatch(/^host and broker are (59|60)\d{3} ms apart$/);
});

test('an API that does not answer is named with the log of intake', async () => {
  const intake = readState(home)?.services.find(({ name }) => name === 'intake')?.pid ?? 0;
  process.kill(intake, 'SIGSTOP');
  try {
    const found = await look();
    expect(namedBy(found)).toEqual(['fail ports']);
    expect(found.find(({ name }) => name === 'ports')?.fix).toContain('intake.log');
  } finally {
    process.kill(intake, 'SIGCONT');
  }
  await eventually(async () => namedBy(await look()).length === 0, { what: 'all is well again' });
});
