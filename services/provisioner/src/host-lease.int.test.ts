import { mkdir, writeFile } from 'node:fs/promises';
import { newHostKey, readHostKey } from '@vm-task/bus/host-key';
import { readLeases } from '@vm-task/bus/host-leases';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import { parseConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import { homeAt } from '@vm-task/shared/home';
import { startBroker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { createFakeHypervisor } from '@vm-task/testing/fake-hypervisor';
import { sampleTask } from '@vm-task/testing/sample-events';
import { leaveClaimedVm, leaveWarmVm } from '@vm-task/testing/tasks-by-hand';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { keepLease } from './host-lease.ts';

test('a host reports its pools and VMs, whose they are and until when, and at its end that it takes no more', async () => {
  await using broker = await startBroker({ users: ['provisioner'] });
  await using host = await broker.connect({ user: 'provisioner' });
  await using folder = await makeTempFolder('lease');
  const home = homeAt(folder.path);
  await mkdir(home.credentials);
  await writeFile(home.secretsKey, newHostKey(), { mode: 0o600 });
  const hypervisor = createFakeHypervisor();
  const deadline = deadlineFrom(Date.now() + 60_000, Date.now());
  const task = sampleTask();
  const warm = await leaveWarmVm(hypervisor, deadline);
  const claimed = await leaveClaimedVm(hypervisor, { task, attempt: 1, deadline });
  const stop = new AbortController();
  const config = parseConfig('pools: { default: { max: 3 } }', 'test');
  const options = { host: 'host-1', home, config, hypervisor, log: silentLogger };
  const keeping = keepLease(host.connection, { ...options, stop: stop.signal });
  const lease = async () => (await readLeases(broker.connection))[0]?.lease ?? null;
  const told = await eventually(lease, { what: 'the lease is there' });
  expect(told).toMatchObject({
    host: 'host-1',
    draining: false,
    pools: [{ name: 'default', driver: 'qemu', max: 3 }],
    unreadableVms: 0,
    secretsKey: readHostKey(home)?.publicKey,
  });
  const vms = told.vms.map(({ vm, state, task: of, deadline: until }) => [vm, state, of, until]);
  expect(vms.sort()).toEqual(
    [
      [warm, 'ready', null, deadline.at],
      [claimed, 'claimed', task, deadline.at],
    ].sort(),
  );
  stop.abort();
  await keeping;
  expect(await lease()).toMatchObject({ draining: true });
});
