/** A burst through the whole system: all tasks submitted at once to a pool that makes a VM for each. */
import { cpuSecondsOf, cpuSecondsOfEndedChildren } from '@vm-task/hypervisor/host/process-cpu';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { residentsOf } from '../soak/residents.ts';
import { untilQuiet } from '../task/quiet.ts';
import { runTask } from '../task/run-task.ts';
import type { System } from '../task/system.ts';
import type { Burst } from './floor.ts';

export interface SystemBurst extends Burst {
  /** Of broker, services and supervisor, by name, for each task. */
  readonly servicesSeconds: Readonly<Record<string, number>>;
}

/** Nothing is kept warm, so that exactly one VM is made for each task, as by the floor. */
export const pool = 'burst';

export function burstConfig(image: string, atOnce: number): object {
  return { defaultPool: pool, pools: { [pool]: { image, warm: 0, max: atOnce } } };
}

export async function burstThroughSystem(system: System, vms: Hypervisor, tasks: number): Promise<SystemBurst> {
  const residents = residentsOf(system.home);
  const provisioner = residents.find(({ name }) => name === 'provisioner');
  if (provisioner === undefined) throw new Error('no provisioner is up');
  // It starts each QEMU itself, and nothing else that computes.
  const qemu = () => cpuSecondsOfEndedChildren(provisioner.pid);
  const services = () => residents.map(({ pid }) => cpuSecondsOf(pid));
  const before = { qemu: qemu(), services: services() };
  const begin = performance.now();
  await Promise.all(Array.from({ length: tasks }, () => runTask(system.client, pool)));
  const totalMs = performance.now() - begin;
  const after = services();
  const used = residents.map(({ name }, n) => [name, ((after[n] ?? 0) - (before.services[n] ?? 0)) / tasks] as const);
  // The last VM goes a moment after its task.
  await untilQuiet(vms, 0);
  return { totalMs, qemuSeconds: (qemu() - before.qemu) / tasks, servicesSeconds: Object.fromEntries(used) };
}
