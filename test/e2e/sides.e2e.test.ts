/** The two sides of a home, each with an `up` of its own: either is restarted while the other goes on. */

import { readStates } from '@vm-task/embedded/state';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { lendSystem } from './system.ts';
import { expectNoLeak, submit, untilOver, untilPrinted } from './tasks.ts';
import type { Status } from './views.ts';

test('a task waits for the hosts\u2019 side, runs on while the control side is away, and down takes both', async () => {
  await using system = await lendSystem();
  const up = async (role: string) =>
    expect(await system.vmTask(['up', '--detach', '--role', role])).toMatchObject({ exitCode: 0 });
  const supervisorOf = (role: string) =>
    readStates(system.home).find((state) => state.role === role)?.supervisor.pid ?? 0;
  const ends = async (pid: number, role: string) => {
    process.kill(pid, 'SIGTERM');
    await eventually(() => supervisorOf(role) === 0, { what: `the ${role} side is down`, limitMs: 90_000 });
  };
  await up('control');
  expect((await system.vmTask(['up', '--role', 'control'])).stderr).toContain('already');
  const waiting = await submit(system, { run: 'echo begun; while [ ! -e /tmp/go ]; do sleep 0.2; done; echo done' });
  expect(await system.client.tasks.show(waiting)).toMatchObject({ status: 'queued' });
  await up('host');
  const { services } = await system.json<Status>(['status']);
  expect(services.map(({ name }) => name).sort()).toEqual(['intake', 'provisioner', 'reaper', 'reaper', 'runner']);
  await untilPrinted(system, waiting, 'begun\n');
  await ends(supervisorOf('control'), 'control');
  await up('control');
  await system.vmTask(['ssh', waiting, '--', 'touch', '/tmp/go']);
  expect(await untilOver(system, waiting)).toMatchObject({ outcome: 'succeeded', attempts: [expect.anything()] });
  await ends(supervisorOf('host'), 'host');
  await up('host');
  const next = await submit(system, { run: 'true' });
  expect(await untilOver(system, next)).toMatchObject({ outcome: 'succeeded' });
  await expectNoLeak(system);
});
