/** One clone alone, from its request to its proved identity. */
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { deadlineFrom } from '@vm-task/hypervisor/ledger/deadline';
import type { Size } from '@vm-task/shared/sizes';

export interface CloneTimes {
  /** From the request until the guest goes on. */
  readonly runningMs: number;
  /** From there until the identity is proved. */
  readonly provedMs: number;
}

export async function makeClone(vms: Hypervisor, image: string, size: Size): Promise<CloneTimes> {
  const vmClass = {
    driver: 'qemu',
    pool: 'clones',
    image: { name: image, version: null },
    size,
    egress: 'none',
  } as const;
  const now = Date.now();
  const deadline = deadlineFrom(now + 600_000, now);
  const outcome = await vms.create(vmClass, { poolMax: 1, hostMax: 16 }, deadline, AbortSignal.timeout(120_000));
  if (outcome.kind !== 'ready') throw new Error('the last clone was not removed');
  const state = await vms.find(outcome.vm.id);
  await vms.destroy(outcome.vm.id, 'measured');
  if (state?.phase !== 'ready') throw new Error('the VM was not ready');
  const { runningMs, identifiedMs } = state.ready.timings;
  return { runningMs, provedMs: identifiedMs - runningMs };
}
