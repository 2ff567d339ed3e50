import { mkdir, writeFile } from 'node:fs/promises';
import { knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import { openFolder, writeClaim, writeEnded, writeReady } from '@vm-task/hypervisor/ledger/ledger';
import { silentLogger } from '@vm-task/service/log';
import { homeAt } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';
import { eventually } from '@vm-task/testing/conditions';
import { vmReady } from '@vm-task/testing/sample-events';
import { claimedVm, warmVm } from '@vm-task/testing/sample-states';
import { startSshGuest } from '@vm-task/testing/ssh-guest';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { connectBySsh, noConnections } from './guest.ts';
import { WarmConnections } from './warm-connections.ts';

const never = new AbortController().signal;
const { claim } = claimedVm();

async function lend(limit = 4) {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await makeTempFolder('warm'));
  const guest = started.use(await startSshGuest());
  const home = homeAt(folder.path);
  const warm = started.use(new WarmConnections({ home, drivers: knownDrivers, limit, log: silentLogger }));
  const all = started.move();
  return {
    home,
    guest,
    warm,
    /** One more VM in the ledger, which is that guest. */
    async addVm(): Promise<VmId> {
      const { record, ready } = warmVm();
      await openFolder(home, record);
      await writeFile(home.vm(record.vm).sshKey, guest.privateKey, { mode: 0o600 });
      await writeReady(home, record.vm, { ...ready, access: guest.access });
      return record.vm;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

type Lent = Awaited<ReturnType<typeof lend>>;

/** Looks until there is a connection to the VM, which is the caller's then. */
function taken({ warm }: Lent, vm: VmId) {
  const look = async () => {
    await warm.look();
    return warm.take(vm);
  };
  return eventually(look, { what: `there is a connection to ${vm}` });
}

test('a warm VM has a connection before its task, once, and it is ready for a job', async () => {
  await using lent = await lend();
  const vm = await lent.addVm();
  await using connection = await taken(lent, vm);
  expect(connection.access).toEqual(lent.guest.access);
  expect(lent.warm.take(vm)).toBe(null);
  await eventually(() => lent.guest.ownProcesses().length === 1, { what: 'a program waits there for the job' });
});

test('the attempt that gets the VM works on that connection, which ends with the VM or a moment after the task', async () => {
  await using lent = await lend();
  const vm = await lent.addVm();
  const known = await taken(lent, vm);
  const warm = { take: () => known };
  const connect = connectBySsh(lent.home, { ...noConnections(), warm }, knownDrivers);
  const { data } = vmReady(claim.task, { vm, access: lent.guest.access });
  {
    await using guest = await connect(data, never);
    const placed = await guest.place({ folder: 'given', by: 'test', files: [], signal: never });
    expect(placed).toContain('/');
  }
  expect(known.closed).toBe(false);
  expect(await known.endedWithin(20_000)).toBe(true);
});

test('no more connections than tasks at once, none to a VM that has a task, and none to one that is gone', async () => {
  await using lent = await lend(2);
  const [first, second, third] = [await lent.addVm(), await lent.addVm(), await lent.addVm()];
  expect(await writeClaim(lent.home, first, claim)).toBe(true);
  await using toSecond = await taken(lent, second);
  await using toThird = await taken(lent, third);
  expect([toSecond.closed, toThird.closed]).toEqual([false, false]);
  expect(lent.warm.take(first)).toBe(null);
});

test('a connection goes with its VM, and one that ended is made anew', async () => {
  await using lent = await lend();
  const vm = await lent.addVm();
  await using kept = await taken(lent, vm);
  lent.guest.dropConnections();
  expect(await kept.endedWithin(10_000)).toBe(true);
  await using again = await taken(lent, vm);
  expect(again).not.toBe(kept);
  // As whoever takes one does: a warm VM would get another one.
  expect(await writeClaim(lent.home, vm, claim)).toBe(true);
  const other = await lent.addVm();
  await lent.warm.look();
  await writeEnded(lent.home, other, 'it is not wanted any more');
  await eventually(
    async () => {
      await lent.warm.look();
      return lent.guest.ownProcesses().length === 1;
    },
    { what: 'nothing but the one that was taken is left' },
  );
});

test('a VM that does not answer is left to its task', async () => {
  await using lent = await lend();
  const vm = await lent.addVm();
  await mkdir(lent.home.run, { recursive: true });
  await lent.guest[Symbol.asyncDispose]();
  await lent.warm.look();
  await lent.warm[Symbol.asyncDispose]();
  expect(lent.warm.take(vm)).toBe(null);
});
