/** Waiting until nothing of ours is at work: on few cores, a clone in the making would be measured along. */
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSecondsOfTree } from '@vm-task/hypervisor/host/process-cpu';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';

/** So long a VM must have been idle; a guest that came up finishes what it began in a second or two. */
const idleForMs = 1_000;
/** An idle guest still has a clock that ticks. */
const idleBelow = 0.1;
const limitMs = 120_000;

/** Returns when these are exactly so many VMs, all ready, and none of them computes. @throws after two minutes. */
export async function untilQuiet(hypervisor: Hypervisor, vms: number): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  while (performance.now() < giveUpAt) {
    const before = await cpuSeconds(hypervisor, vms);
    await delay(idleForMs);
    const after = await cpuSeconds(hypervisor, vms);
    if (before === null || after === null) continue;
    if (after - before < idleBelow * (idleForMs / 1_000) * Math.max(1, vms)) return;
  }
  throw new Error(`the VMs did not become quiet within ${limitMs / 1_000} s`);
}

/** Processor time of all VMs together; null when they are not as they should be. */
async function cpuSeconds(hypervisor: Hypervisor, vms: number): Promise<number | null> {
  const states = await hypervisor.list();
  if (states.length !== vms || states.some(({ phase }) => phase !== 'ready')) return null;
  return states.reduce(
    (sum, { record: { process } }) => sum + (process === null ? 0 : cpuSecondsOfTree(process.pid)),
    0,
  );
}
