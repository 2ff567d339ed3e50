import { chmodSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '@vm-task/service/config';
import { cacheAt, type Home, homeAt } from '@vm-task/shared/home';
import { newTaskId } from '@vm-task/shared/new-ids';
import { eventually } from '@vm-task/testing/conditions';
import { startProxy } from '@vm-task/testing/proxy';
import { type SshGuest, startSshGuest } from '@vm-task/testing/ssh-guest';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createHypervisor } from '../../create-hypervisor.ts';
import type { Hypervisor, MachineState } from '../../hypervisor.ts';
import { deadlineFrom } from '../../ledger/deadline.ts';
import { writeEnded } from '../../ledger/ledger.ts';
import type { NamedClass } from './record.ts';

vi.mock('../../ledger/ledger.ts', { spy: true });

const never = new AbortController().signal;
const vmClass: NamedClass = { driver: 'ssh', pool: 'kali', size: { cpus: 1, memoryMiB: 256, diskMiB: 512 } };
const capacity = { poolMax: 1, hostMax: 4 };
const inAnHour = () => deadlineFrom(Date.now() + 3_600_000, Date.now());

let machine: SshGuest;
let folder: TempFolder;

beforeEach(async () => {
  folder = await makeTempFolder('named');
  machine = await startSshGuest();
});

afterEach(async () => {
  await machine[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

interface Controller {
  readonly home: Home;
  readonly hypervisor: Hypervisor;
}

/** A home that has the machine as `kali`, unless `changes` says otherwise. */
function controller(name = 'a', changes: object = {}): Controller {
  const home = homeAt(join(folder.path, name));
  const { host, port, user, hostKey } = machine.access;
  const kali = { driver: 'ssh', host, port, user, hostKey, key: join(folder.path, 'key'), ...changes };
  writeFileSync(join(folder.path, 'key'), machine.privateKey, { mode: 0o600 });
  const config = parseConfig(JSON.stringify({ pools: { default: {}, kali } }), 'test');
  const environment = { home, cache: cacheAt(folder.path), otlpEndpoint: null, logLevel: 'silent' };
  return { home, hypervisor: createHypervisor({ environment, config }) };
}

async function createdBy({ hypervisor }: Controller) {
  const outcome = await hypervisor.create(vmClass, capacity, inAnHour(), never);
  if (outcome.kind !== 'ready') throw new Error(JSON.stringify(outcome));
  return outcome.vm;
}

const locked = () => existsSync(join(machine.home, '.vm-task/lock'));

test('a named VM is had by one lease after the other, each with an id of its own and nothing left of it', async () => {
  const a = controller();
  const first = await createdBy(a);
  expect(first.access).toEqual(machine.access);
  expect(await a.hypervisor.create(vmClass, capacity, inAnHour(), never)).toMatchObject({
    kind: 'full',
    limit: 'pool',
  });
  const claim = { task: newTaskId(Date.now()), attempt: 1, deadline: inAnHour() };
  expect(await a.hypervisor.claim(first.id, claim)).toBe(true);
  expect(await a.hypervisor.isAlive(first.id)).toBe(true);
  await a.hypervisor.end(first.id, 'its task is over');
  expect(locked()).toBe(false);
  expect(await a.hypervisor.isAlive(first.id)).toBe(false);
  expect(await a.hypervisor.find(first.id)).toMatchObject({ phase: 'ending', claim });
  await a.hypervisor.destroy(first.id, 'told');
  expect(await a.hypervisor.list()).toEqual([]);
  const second = await createdBy(a);
  expect(second.id).not.toBe(first.id);
  await a.hypervisor.destroy(second.id, 'the test is over');
  expect(await a.hypervisor.strays()).toEqual([]);
});

test('of two controllers one has the machine, and the other waits until it is free', async () => {
  const [a, b] = [controller('a'), controller('b')];
  const vm = await createdBy(a);
  const outcome = await b.hypervisor.create(vmClass, capacity, inAnHour(), never);
  expect(outcome).toMatchObject({ kind: 'away', reason: expect.stringContaining(a.home.root) });
  expect(await b.hypervisor.list()).toEqual([]);
  await a.hypervisor.destroy(vm.id, 'its task is over');
  await b.hypervisor.destroy((await createdBy(b)).id, 'the test is over');
});

test("a lock of a home that has lost its ledger is nobody's", async () => {
  const a = controller();
  const lost = await createdBy(a);
  for (const path of [a.home.vms, a.home.slots]) rmSync(path, { recursive: true });
  const next = await createdBy(a);
  expect(readdirSync(join(machine.home, '.vm-task/uses'))).toEqual([next.id]);
  expect(next.id).not.toBe(lost.id);
  await a.hypervisor.destroy(next.id, 'the test is over');
});

test.each([
  ['another host key', { hostKey: `ssh-ed25519 ${'A'.repeat(68)}` }, 'nothing was sent to it'],
  ['another port', { port: 1 }, 'did not complete an SSH login'],
  ['no key', { key: 'keys/none' }, 'put the private key there, mode 0600'],
])('with %s, it is away with the reason, and nothing of it is in the ledger', async (_what, changes, reason) => {
  const a = controller('a', changes);
  const outcome = await a.hypervisor.create(vmClass, capacity, inAnHour(), never);
  expect(outcome).toMatchObject({ kind: 'away', reason: expect.stringContaining(reason) });
  expect(await a.hypervisor.list()).toEqual([]);
  expect(existsSync(join(machine.home, '.vm-task'))).toBe(false);
});

test('a key that others can read is not used', async () => {
  const a = controller();
  chmodSync(join(folder.path, 'key'), 0o644);
  const outcome = await a.hypervisor.create(vmClass, capacity, inAnHour(), never);
  expect(outcome).toMatchObject({ kind: 'away', reason: expect.stringContaining('run chmod 600') });
});

test('a lease whose machine cannot be reached stays in the ledger, and is ended when it can', async () => {
  await using proxy = await startProxy(machine.access.port);
  const away = controller('a', { port: proxy.port });
  const vm = await createdBy(away);
  proxy.refuse();
  await expect(away.hypervisor.destroy(vm.id, 'its task is over')).rejects.toThrow('could not be ended there');
  expect(await away.hypervisor.find(vm.id)).toMatchObject({ phase: 'ending' });
  expect(await away.hypervisor.isAlive(vm.id)).toBe(true);
  proxy.open();
  await away.hypervisor.destroy(vm.id, 'its task is over');
  expect(locked()).toBe(false);
  expect(await away.hypervisor.list()).toEqual([]);
});

test('on a full disk the lease is ended on the machine all the same, and the reason is noted as soon as there is room', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const a = controller();
  const vm = await createdBy(a);
  vi.mocked(writeEnded).mockRejectedValueOnce(full).mockRejectedValueOnce(full);
  await expect(a.hypervisor.end(vm.id, 'its task is over')).rejects.toThrow('ENOSPC');
  expect(locked()).toBe(false);
  vi.mocked(writeEnded).mockRejectedValueOnce(full);
  await a.hypervisor.end(vm.id, 'its task is over');
  expect(await a.hypervisor.find(vm.id)).toMatchObject({ phase: 'ending', ended: { reason: 'its task is over' } });
  await a.hypervisor.destroy(vm.id, 'told');
});

test('whoever watches hears when the machine goes and when it comes back, and uses go over the same connection', async () => {
  await using proxy = await startProxy(machine.access.port);
  const a = controller('a', { port: proxy.port });
  const seen: MachineState[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    for await (const state of a.hypervisor.watch('kali', stop.signal)) seen.push(state);
  })();
  await eventually(() => seen.length === 1, { what: 'it is there' });
  const vm = await createdBy(a);
  expect(proxy.accepted).toBe(1);
  await a.hypervisor.destroy(vm.id, 'its task is over');
  proxy.refuse();
  await eventually(() => seen.at(-1)?.kind === 'away', { what: 'it is away' });
  proxy.open();
  await eventually(() => seen.at(-1)?.kind === 'there', { what: 'it is back' });
  stop.abort(new Error('the test is over'));
  await watching;
});
