import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendRunningSystem, type TestSystem } from './system.ts';
import { expectNoLeak, qemuOf, submit, untilOver, untilPrinted } from './tasks.ts';
import type { Events, Shown, Status } from './views.ts';

let system: TestSystem;

beforeAll(async () => {
  // The second size is never warm.
  const sizes = [256, 512].map((memoryMiB) => ({ cpus: 1, memoryMiB, diskMiB: 4096 }));
  const pools = { default: { sizes, max: 4, warm: 1 } };
  system = await lendRunningSystem({ pools, reaper: { orphanGrace: '10s' } });
});

afterAll(() => system[Symbol.asyncDispose]());

const counter = 'i=0; while [ $i -lt 30 ]; do echo $i; i=$((i + 1)); sleep 0.2; done';

async function submitCounter(): Promise<string> {
  return (await system.vmTask(['submit', '--', 'sh', '-c', counter])).stdout.trim();
}

const untilCounting = (id: string) => untilPrinted(system, id, '3\n');

/** Runs a counter in a VM and kills something while it counts. */
async function killWhileCounting(victim: (task: Shown) => Promise<number>): Promise<Shown> {
  const id = await submitCounter();
  process.kill(await victim(await untilCounting(id)), 'SIGKILL');
  return untilOver(system, id);
}

async function expectOneEndAndNoLeak({ id }: Shown): Promise<void> {
  const { events } = await system.json<Events>(['events', id]);
  expect(events.filter(({ type }) => type === 'task.completed')).toHaveLength(1);
  await expectNoLeak(system);
}

const counted = `${Array.from({ length: 30 }, (_, n) => n).join('\n')}\n`;

async function expectUndisturbed(id: string): Promise<void> {
  const ended = await untilOver(system, id);
  expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
  expect((await system.vmTask(['logs', id])).stdout).toBe(counted);
  await expectOneEndAndNoLeak(ended);
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** Waits for a VM that was not there before to come so far, which may last milliseconds. */
async function untilVmIs(phase: (folder: string) => Promise<boolean>, before: readonly string[]): Promise<void> {
  for (const end = performance.now() + 120_000; performance.now() < end; ) {
    // Under another name a folder is a draft, and not yet an intent.
    const fresh = (await readdir(system.home.vms)).filter((vm) => vm.startsWith('vm-') && !before.includes(vm));
    for (const vm of fresh) if (await phase(join(system.home.vms, vm))) return;
  }
  throw new Error('no VM came so far');
}

async function pidOf(name: string): Promise<number> {
  const { services } = await system.json<Status>(['status']);
  return services.find((service) => service.name === name)?.pid ?? 0;
}

describe('kill -9 in the middle of a task', () => {
  it('of QEMU: the task fails and says that its VM is lost', async () => {
    const ended = await killWhileCounting((task) => qemuOf(system, task));
    expect(ended).toMatchObject({ outcome: 'failed', exitCode: null, error: { code: 'vm-lost' } });
    await expectOneEndAndNoLeak(ended);
  });

  it('of intake: whoever follows the task does not notice', async () => {
    const running = system.start(['run', '--', 'sh', '-c', counter]);
    await running.printed('3\n');
    process.kill(await pidOf('intake'), 'SIGKILL');
    expect(await running.finished).toMatchObject({ exitCode: 0, stdout: counted });
    await expectNoLeak(system);
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

/** With no warm VM that could be taken instead. */
describe('kill -9 of the provisioner while it makes a VM for a task', () => {
  const begun = (folder: string) => isThere(join(folder, 'vm.json'));
  const cloning = (folder: string) => isThere(join(folder, 'run'));
  const made = (folder: string) => isThere(join(folder, 'claim.json'));

  it.each([
    ['after the intent and before anything is made', begun],
    ['in the middle of cloning', cloning],
    ['after it was made, about when vm.ready is told', made],
  ])('%s: the task gets a VM all the same, and the other one goes', async (_when, phase) => {
    const before = await readdir(system.home.vms);
    const provisioner = await pidOf('provisioner');
    // Another size than that of the warm VM.
    const submitting = submit(system, { run: 'echo done', resources: { memoryMiB: 300 } });
    await untilVmIs(phase, before);
    process.kill(provisioner, 'SIGKILL');
    const ended = await untilOver(system, await submitting);
    expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    await expectOneEndAndNoLeak(ended);
  });
});

it('everything killed at once, but for the VM: the next up goes on with its process', async () => {
  const id = await submitCounter();
  await untilCounting(id);
  const { nats, services } = await system.json<Status>(['status']);
  const state = JSON.parse(await readFile(join(system.home.run, 'system.json'), 'utf8'));
  for (const pid of [state.supervisor.pid, nats.pid, ...services.map((service) => service.pid)]) {
    process.kill(pid, 'SIGKILL');
  }
  expect(await system.vmTask(['up', '--detach'])).toMatchObject({ exitCode: 0 });
  await expectUndisturbed(id);
});

it('each service restarted in its turn, with work in flight: nothing is lost', async () => {
  const ids = [await submitCounter(), await submitCounter(), await submitCounter()];
  await Promise.all(ids.map(untilCounting));
  for (const name of ['intake', 'provisioner', 'runner', 'reaper']) {
    const before = await pidOf(name);
    process.kill(before, 'SIGTERM');
    const isBack = async () => {
      const { services } = await system.json<Status>(['status']);
      return services.some((service) => service.name === name && service.pid !== before && service.state === 'ready');
    };
    await eventually(isBack, { what: `${name} is back`, limitMs: 120_000 });
  }
  for (const id of ids) await expectUndisturbed(id);
});
