import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BootPlan, boot } from '@vm-task/hypervisor/snapshots/boot';
import type { Cache } from '@vm-task/shared/home';
import { firstCommand } from '../raw-ssh.ts';

const bootLimitMs = 300_000;

/** Milliseconds from QEMU's start on the image's disk until the first SSH command has ended. */
export async function bootCold(cache: Cache, plan: Omit<BootPlan, 'folder' | 'logs'>): Promise<number> {
  const folder = await mkdtemp(join(cache.root, 'bench-'));
  try {
    const logs = { console: join(folder, 'console.log'), qemu: join(folder, 'qemu.log') };
    await using booting = await boot({ ...plan, folder: join(folder, 'run'), logs }, AbortSignal.timeout(bootLimitMs));
    await firstCommand(booting.access, booting.privateKey, bootLimitMs);
    return performance.now() - booting.startedAt;
  } finally {
    await rm(folder, { recursive: true });
  }
}
