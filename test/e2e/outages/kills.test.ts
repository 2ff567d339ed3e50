/** Each service killed, and restarted, in mid-task. */
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  counted,
  expectOneEndAndNoLeak,
  expectUndisturbed,
  killsConfig,
  killWhileCounting,
  killWhileMaking,
  pidOf,
  submitCounter,
  untilCounting,
} from '../kills.ts';
import { lendRunningSystem, type TestSystem } from '../system.ts';
import type { Status } from '../views.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendRunningSystem(killsConfig);
});

afterAll(() => system[Symbol.asyncDispose]());

describe('kill -9 in the middle of a task', () => {
  it('of the runner: another one goes on, and the output has no gap', async () => {
    const ended = await killWhileCounting(system, () => pidOf(system, 'runner'));
    expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect((await system.vmTask(['logs', ended.id])).stdout).toBe(counted);
    await expectOneEndAndNoLeak(system, ended);
  });

  it('of the provisioner: the task does not notice, and its VM goes all the same', async () => {
    const ended = await killWhileCounting(system, () => pidOf(system, 'provisioner'));
    expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    await expectOneEndAndNoLeak(system, ended);
  });

  it('of nats-server: it comes back, and the output has no gap', async () => {
    const ended = await killWhileCounting(system, async () => (await system.json<Status>(['status'])).nats.pid);
    expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect((await system.vmTask(['logs', ended.id])).stdout).toBe(counted);
    await expectOneEndAndNoLeak(system, ended);
  });
});

/** With no warm VM that could be taken instead. */
describe('kill -9 of the provisioner while it makes a VM for a task', () => {
  it.each([
    ['in the middle of cloning', 'run'],
    ['after it was made, about when vm.ready is told', 'claim.json'],
  ] as const)('%s: the task gets a VM all the same, and the other one goes', (_when, phase) =>
    killWhileMaking(system, phase),
  );
});

it('each service restarted in its turn, with work in flight: nothing is lost', async () => {
  const ids = [await submitCounter(system), await submitCounter(system), await submitCounter(system)];
  await Promise.all(ids.map((id) => untilCounting(system, id)));
  for (const name of ['intake', 'provisioner', 'runner', 'reaper']) {
    const before = await pidOf(system, name);
    process.kill(before, 'SIGTERM');
    const isBack = async () => {
      const { services } = await system.json<Status>(['status']);
      return services.some((service) => service.name === name && service.pid !== before && service.state === 'ready');
    };
    await eventually(isBack, { what: `${name} is back`, limitMs: 120_000 });
  }
  for (const id of ids) await expectUndisturbed(system, id);
});
