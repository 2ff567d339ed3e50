/** A lent system whose parts are killed while a task counts, and what must be true of the task in the end. */
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { TestSystem } from './system.ts';
import { expectNoLeak, submit, untilOver, untilPrinted } from './tasks.ts';
import type { Events, Shown, Status } from './views.ts';

/** For `lendRunningSystem`. The second size is never warm. */
export const killsConfig = {
  pools: {
    default: { sizes: [256, 512].map((memoryMiB) => ({ cpus: 1, memoryMiB, diskMiB: 4096 })), max: 4, warm: 1 },
  },
  reaper: { orphanGrace: '10s' },
};

export const counter = 'i=0; while [ $i -lt 30 ]; do echo $i; i=$((i + 1)); sleep 0.2; done';

/** What `counter` prints. */
export const counted = `${Array.from({ length: 30 }, (_, n) => n).join('\n')}\n`;

export async function submitCounter(system: TestSystem): Promise<string> {
  return (await system.vmTask(['submit', '--', 'sh', '-c', counter])).stdout.trim();
}

export const untilCounting = (system: TestSystem, id: string) => untilPrinted(system, id, '3\n');

/** Runs a counter in a VM and kills something while it counts. */
export async function killWhileCounting(system: TestSystem, victim: (task: Shown) => Promise<number>): Promise<Shown> {
  const id = await submitCounter(system);
  process.kill(await victim(await untilCounting(system, id)), 'SIGKILL');
  return untilOver(system, id);
}

export async function expectOneEndAndNoLeak(system: TestSystem, { id }: Shown): Promise<void> {
  const { events } = await system.json<Events>(['events', id]);
  expect(events.filter(({ type }) => type === 'task.completed')).toHaveLength(1);
  await expectNoLeak(system);
}

export async function expectUndisturbed(system: TestSystem, id: string): Promise<void> {
  const ended = await untilOver(system, id);
  expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
  expect((await system.vmTask(['logs', id])).stdout).toBe(counted);
  await expectOneEndAndNoLeak(system, ended);
}

export async function pidOf(system: TestSystem, name: string): Promise<number> {
  const { services } = await system.json<Status>(['status']);
  return services.find((service) => service.name === name)?.pid ?? 0;
}

/** How far a new VM has come is seen by this file or folder of it. */
export type Phase = 'vm.json' | 'run' | 'claim.json';

/** Kills the provisioner when it makes a VM for a task and has come so far: the task gets one all the same. */
export async function killWhileMaking(system: TestSystem, phase: Phase): Promise<void> {
  const before = await readdir(system.home.vms);
  const provisioner = await pidOf(system, 'provisioner');
  // Another size than that of the warm VM.
  const submitting = submit(system, { run: 'echo done', resources: { memoryMiB: 300 } });
  await untilVmIs(system, phase, before);
  process.kill(provisioner, 'SIGKILL');
  const ended = await untilOver(system, await submitting);
  expect(ended).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
  await expectOneEndAndNoLeak(system, ended);
}

/** Looks without a pause, because it may last milliseconds. */
async function untilVmIs({ home }: TestSystem, phase: Phase, before: readonly string[]): Promise<void> {
  for (const end = performance.now() + 120_000; performance.now() < end; ) {
    // Under another name a folder is a draft, and not yet an intent.
    const fresh = (await readdir(home.vms)).filter((vm) => vm.startsWith('vm-') && !before.includes(vm));
    for (const vm of fresh) if (await isThere(join(home.vms, vm, phase))) return;
  }
  throw new Error('no VM came so far');
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
