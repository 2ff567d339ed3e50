/** The floor of a burst: a script that loads a frozen machine into QEMU, logs in, runs `true` and kills it, so many at a time. */

import type { Accelerator } from '@vm-task/hypervisor/drivers/qemu/command-line';
import { cpuSecondsOfEndedChildren } from '@vm-task/hypervisor/host/process-cpu';
import type { Snapshot } from '@vm-task/hypervisor/snapshots/snapshot';
import type { Cache } from '@vm-task/shared/home';
import { atLoad } from '../hops/measure.ts';
import { restoreBare } from '../vm/floor.ts';

/** What a burst came to. */
export interface Burst {
  readonly totalMs: number;
  /** Of QEMU alone, for each VM. */
  readonly qemuSeconds: number;
}

export interface Size {
  readonly tasks: number;
  readonly atOnce: number;
}

export async function burstBare(
  cache: Cache,
  snapshot: Snapshot,
  accelerator: Accelerator,
  { tasks, atOnce }: Size,
): Promise<Burst> {
  const before = cpuSecondsOfEndedChildren(process.pid);
  const begin = performance.now();
  await atLoad(async () => void (await restoreBare(cache, snapshot, accelerator)), tasks, atOnce);
  const totalMs = performance.now() - begin;
  return { totalMs, qemuSeconds: (cpuSecondsOfEndedChildren(process.pid) - before) / tasks };
}
