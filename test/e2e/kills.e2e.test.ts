/** One kill for each promise; more of them are in `outages/`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  counted,
  counter,
  expectOneEndAndNoLeak,
  expectUndisturbed,
  killsConfig,
  killWhileCounting,
  killWhileMaking,
  pidOf,
  submitCounter,
  untilCounting,
} from './kills.ts';
import { lendRunningSystem, type TestSystem } from './system.ts';
import { expectNoLeak, qemuOf } from './tasks.ts';
import type { Status } from './views.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendRunningSystem(killsConfig);
});

afterAll(() => system[Symbol.asyncDispose]());

describe('kill -9 in the middle of a task', () => {
  it('of QEMU: the task fails and says that its VM is lost', async () => {
    const ended = await killWhileCounting(system, (task) => qemuOf(task));
    expect(ended).toMatchObject({ outcome: 'failed', exitCode: null, error: { code: 'vm-lost' } });
    await expectOneEndAndNoLeak(system, ended);
  });

  it('of intake: whoever follows the task does not notice', async () => {
    const running = system.start(['run', '--', 'sh', '-c', counter]);
    await running.printed('3\n');
    process.kill(await pidOf(system, 'intake'), 'SIGKILL');
    expect(await running.finished).toMatchObject({ exitCode: 0, stdout: counted });
    await expectNoLeak(system);
  });
});

it('kill -9 of the provisioner after the intent and before anything is made: the task gets a VM all the same, and the other one goes', () =>
  killWhileMaking(system, 'vm.json'));

it('everything killed at once, but for the VM: the next up goes on with its process', async () => {
  const id = await submitCounter(system);
  await untilCounting(system, id);
  const { nats, services } = await system.json<Status>(['status']);
  const state = JSON.parse(await readFile(join(system.home.run, 'system.json'), 'utf8'));
  for (const pid of [state.supervisor.pid, nats.pid, ...services.map((service) => service.pid)]) {
    process.kill(pid, 'SIGKILL');
  }
  expect(await system.vmTask(['up', '--detach'])).toMatchObject({ exitCode: 0 });
  await expectUndisturbed(system, id);
});
