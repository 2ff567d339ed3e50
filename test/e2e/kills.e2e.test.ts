import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendSystem, type TestSystem } from './system.ts';
import type { Audit, Events, Shown, Status } from './views.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendSystem();
  expect(await system.vmTask(['up', '--detach'])).toMatchObject({ exitCode: 0 });
});

afterAll(() => system[Symbol.asyncDispose]());

/** Runs a counter in a VM and kills something while it counts. */
async function killWhileCounting(victim: (task: Shown) => Promise<number>): Promise<Shown> {
  const script = 'i=0; while [ $i -lt 30 ]; do echo $i; i=$((i + 1)); sleep 0.2; done';
  const id = (await system.vmTask(['submit', '--', 'sh', '-c', script])).stdout.trim();
  const running = await eventually(
    async () => {
      const { stdout } = await system.vmTask(['logs', id]);
      return stdout.includes('3\n') ? system.json<Shown>(['show', id]) : null;
    },
    { what: 'the task counts', limitMs: 300_000 },
  );
  process.kill(await victim(running), 'SIGKILL');
  return eventually(
    async () => {
      const shown = await system.json<Shown>(['show', id]);
      return shown.status === 'completed' ? shown : null;
    },
    { what: 'the task is over', limitMs: 180_000 },
  );
}

async function expectOneEndAndNoLeak({ id }: Shown): Promise<void> {
  const { events } = await system.json<Events>(['events', id]);
  expect(events.filter(({ type }) => type === 'task.completed')).toHaveLength(1);
  await eventually(
    async () => {
      const { leaked, missing } = await system.json<Audit>(['audit']);
      return leaked.length + missing.length === 0;
    },
    { what: 'the audit is clean', limitMs: 90_000 },
  );
}

const counted = `${Array.from({ length: 30 }, (_, n) => n).join('\n')}\n`;

async function pidOf(name: string): Promise<number> {
  const { services } = await system.json<Status>(['status']);
  return services.find((service) => service.name === name)?.pid ?? 0;
}

describe('kill -9 in the middle of a task', () => {
  it('of QEMU: the task fails and says that its VM is lost', async () => {
    const ended = await killWhileCounting(async ({ vm }) => {
      const record = await readFile(join(system.home.vms, vm ?? '', 'vm.json'), 'utf8');
      return JSON.parse(record).process.pid;
    });
    expect(ended).toMatchObject({ outcome: 'failed', exitCode: null, error: { code: 'vm-lost' } });
    await expectOneEndAndNoLeak(ended);
  });

  it('of the runner: another one goes on, and the output has no gap', async () => {
    const ended = await killWhileCounting(() => pidOf('runner'));
    expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect((await system.vmTask(['logs', ended.id])).stdout).toBe(counted);
    await expectOneEndAndNoLeak(ended);
  });

  it('of the provisioner: the task does not notice, and its VM goes all the same', async () => {
    const ended = await killWhileCounting(() => pidOf('provisioner'));
    expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    await expectOneEndAndNoLeak(ended);
  });

  it('of nats-server: it comes back, and the output has no gap', async () => {
    const ended = await killWhileCounting(async () => (await system.json<Status>(['status'])).nats.pid);
    expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    expect((await system.vmTask(['logs', ended.id])).stdout).toBe(counted);
    await expectOneEndAndNoLeak(ended);
  });
});
