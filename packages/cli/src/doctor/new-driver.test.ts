import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Drivers, knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import { readEnvironment } from '@vm-task/shared/environment';
import { newTaskId } from '@vm-task/shared/new-ids';
import { Cloud } from '@vm-task/testing/fake-driver/cloud';
import { fakeDriver } from '@vm-task/testing/fake-driver/declaration';
import { vmReady } from '@vm-task/testing/sample-events';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { checksFor } from './checks.ts';
import { openContext } from './context.ts';
import { runChecks } from './run-checks.ts';

test('a new driver is asked about its pools beside the others, and its pools are looked at like theirs', async () => {
  await using folder = await makeTempFolder('new-driver');
  const environment = readEnvironment(join(folder.path, 'home'));
  const sizes = [{ cpus: 1, memoryMiB: 1_048_576, diskMiB: 1024 }];
  const pools = { default: { max: 1 }, moon: { driver: 'fake', region: 'moon', sizes, max: 3 } };
  await mkdir(environment.home.root);
  await writeFile(environment.home.config, JSON.stringify({ pools }));
  const cloud = new Cloud({ access: vmReady(newTaskId(0)).data.access, privateKey: '' });
  const drivers = new Drivers([...knownDrivers.all, fakeDriver(cloud)]);
  await using context = openContext(environment, Date.now, drivers);
  const asked = ['configuration', 'memory', 'cloud', 'pools'];
  const checks = checksFor(drivers).filter(({ name }) => asked.includes(name));
  const look = async () => await runChecks(checks, context);
  expect(await look()).toMatchObject([
    { name: 'configuration', status: 'pass', detail: 'pools: default, moon' },
    // Its machines are elsewhere: their memory is not this host's.
    { name: 'memory', status: 'pass', detail: expect.stringContaining('1 VMs may have 512 MiB') },
    { name: 'cloud', status: 'pass' },
    { name: 'pools', status: 'pass', detail: expect.stringContaining('pool moon: 0 of 3') },
  ]);
  cloud.isUp = false;
  expect((await look()).filter(({ status }) => status !== 'pass')).toEqual([
    { name: 'cloud', status: 'fail', detail: 'it takes no orders', fix: 'pay the bill' },
  ]);
});
