/**
 * A new driver is one folder and one line. The folder is packages/testing/src/fake-driver; the line is `drivers` below.
 * Everything else is the project as it is: its VMs are planned, made, worked in, removed and audited. What people are
 * shown of its pools, and the doctor, are in services/intake/src/http/app.test.ts and
 * packages/cli/src/doctor/new-driver.test.ts.
 */
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { Drivers, knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { audit, taskLog } from '@vm-task/reaper/audit';
import { connectBySsh, noConnections } from '@vm-task/runner/guest';
import { IdleConnections } from '@vm-task/runner/idle-connections';
import { parseConfig } from '@vm-task/service/config';
import { readEnvironment } from '@vm-task/shared/environment';
import type { VmId } from '@vm-task/shared/ids';
import { newTaskId } from '@vm-task/shared/new-ids';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { Cloud } from '@vm-task/testing/fake-driver/cloud';
import { fakeDriver } from '@vm-task/testing/fake-driver/declaration';
import { startSshGuest } from '@vm-task/testing/ssh-guest';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { eventsOf, headOf, startServices, submit } from './system.ts';

const file = `
  pools:
    default: { warm: 0 }
    moon: { driver: fake, region: moon, sizes: [{ cpus: 1, memoryMiB: 512, diskMiB: 1024 }], max: 2 }
  reaper: { sweep: 200ms }
`;
const { signal } = new AbortController();

async function lendHome() {
  await using lent = new AsyncDisposableStack();
  const folder = lent.use(await makeTempFolder('new-driver'));
  const cloud = new Cloud(lent.use(await startSshGuest()));
  const drivers = new Drivers([...knownDrivers.all, fakeDriver(cloud)]);
  const environment = readEnvironment(folder.path);
  const config = parseConfig(file, 'test', drivers);
  const hypervisor = createHypervisor({ environment, config });
  const all = lent.move();
  return { environment, cloud, config, drivers, hypervisor, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

type Lent = Awaited<ReturnType<typeof lendHome>>;

/** A VM of the pool, as the provisioner has one made. */
async function make({ hypervisor }: Lent) {
  const request = { image: 'moon', size: { cpus: 1, memoryMiB: 512, diskMiB: 1024 }, egress: 'none' } as const;
  const { vmClass } = await hypervisor.resolve('moon', request, () => {}, signal);
  return hypervisor.create(vmClass, { poolMax: 1, hostMax: 4 }, deadline(), signal);
}

const deadline = () => deadlineFrom(Date.now() + 600_000, Date.now());
const claim = () => ({ task: newTaskId(Date.now()), attempt: 1, deadline: deadline() });

async function makeOne(lent: Lent): Promise<VmId> {
  const made = await make(lent);
  if (made.kind !== 'ready') throw new Error('the pool is full');
  return made.vm.id;
}

test('its VMs are made within their pool, claimed once, and gone; one that the cloud loses is missed', async () => {
  await using lent = await lendHome();
  const { hypervisor, cloud } = lent;
  const vm = await makeOne(lent);
  expect(await make(lent)).toEqual({ kind: 'full', limit: 'pool', max: 1 });
  expect([await hypervisor.claim(vm, claim()), await hypervisor.claim(vm, claim())]).toEqual([true, false]);
  const state = await hypervisor.find(vm);
  if (state === null) throw new Error('the ledger does not have it');
  expect(state).toMatchObject({ phase: 'claimed', record: { vm, driver: 'fake', region: 'moon', process: null } });
  expect([await hypervisor.isAlive(vm), await hypervisor.missing(state)]).toEqual([true, []]);
  cloud.machines.delete(vm);
  expect(await hypervisor.missing(state)).toEqual([{ kind: 'process', why: 'the cloud has lost it' }]);
  await hypervisor.destroy(vm, 'over');
  expect([await hypervisor.list(), await hypervisor.strays()]).toEqual([[], []]);
});

test('a task runs in one of its VMs; then the VM is gone, and the audit finds nothing', async () => {
  await using lent = await lendHome();
  const { environment, cloud, config, drivers, hypervisor } = lent;
  await using broker = await startBroker({ scope: { host: 'host-1', pools: Object.keys(config.pools) } });
  await using idle = new IdleConnections();
  const { home } = environment;
  const connect = connectBySsh(home, { ...noConnections(), idle }, drivers);
  await using _services = await startServices({ broker, hypervisor, home, config, connect });
  const task = await submit(broker, config, { pool: 'moon', run: 'pwd; echo moon' });
  const { data } = await headOf(broker, task, 'task.completed', 60_000, 'moon');
  const value = expect.stringMatching(/\/work\nmoon\n$/);
  expect(data).toMatchObject({ outcome: 'succeeded', result: { value } });
  const [, ready] = await eventsOf(broker, task);
  expect(ready).toMatchObject({ type: 'vm.ready', data: { driver: 'fake', image: 'moon', vm: data.vm } });
  await eventually(async () => (await eventsOf(broker, task)).at(-1)?.type === 'vm.gone', { what: 'that is told' });
  await eventually(async () => (await hypervisor.list()).length === 0, { what: 'nothing is left in the ledger' });
  expect([...cloud.machines]).toEqual([]);
  const found = await audit(hypervisor, taskLog(broker.bus, 'host-1'));
  expect(found).toEqual({ vms: 0, leaked: [], missing: [], untold: [], unreadable: [] });
});

test('a version without the driver leaves its VM alone, and says so', async () => {
  await using lent = await lendHome();
  const vm = await makeOne(lent);
  const older = createHypervisor({ environment: lent.environment, config: parseConfig('', 'test') });
  expect([await older.list(), await older.strays()]).toEqual([[], []]);
  expect(await older.unreadable()).toEqual([{ vm, why: expect.stringContaining('names the driver "fake"') }]);
  for (const ask of [
    () => older.find(vm),
    () => older.isAlive(vm),
    () => older.claim(vm, claim()),
    () => older.claimNext(vm, claim().task, claim()),
    () => older.end(vm, 'no'),
    () => older.destroy(vm, 'no'),
  ])
    await expect(ask()).rejects.toMatchObject({ code: 'ledger-unreadable' });
  expect(await lent.hypervisor.find(vm)).toMatchObject({ phase: 'ready' });
  expect([...lent.cloud.machines]).toEqual([vm]);
});
