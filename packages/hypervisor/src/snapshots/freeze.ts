/** Boots an image once and freezes it when it has proved that it works (readiness first, then the freeze). */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { proveReadiness } from '@vm-task/guest/readiness';
import { VmTaskError } from '@vm-task/shared/errors';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { z } from 'zod';
import { files } from '../drivers/qemu/command-line.ts';
import type { Qmp } from '../drivers/qemu/qmp.ts';
import { type Logs, lastWords } from '../drivers/qemu/start-qemu.ts';
import { cpuSecondsOfTree } from '../host/process-cpu.ts';
import { type BootPlan, boot } from './boot.ts';
import type { SnapshotManifest } from './snapshot.ts';

/** A stock distribution without hardware virtualisation takes 20 s on an idle host; this is for a busy one. */
const bootLimitMs = 300_000;
/** Device state is about a megabyte. */
const freezeLimitMs = 60_000;
const pollMs = 10;
/** What a guest still does when it is frozen, each of its clones does: a login that ends, a file system that writes. */
const idleForMs = 500;
/** Its clock ticks, and what waits in it looks at its port. */
const idleBelow = 0.15;
const idleLimitMs = 15_000;

/** What has to hold before a machine is frozen; it has let nobody in yet. @throws when it does not. */
export type Prove = (
  access: VmAccess,
  options: { readonly privateKey: string; readonly timeoutMs: number; readonly signal: AbortSignal },
) => Promise<void>;

/** Where QEMU works while it boots and freezes, in the plan's folder. */
export const runFolder = 'run';

/**
 * Leaves the snapshot's files in `run/` of the plan's folder. @throws `snapshot-failed` with the last words of the
 * console; the signal's reason when aborted.
 */
export async function freeze(
  plan: Omit<BootPlan, 'logs'>,
  signal: AbortSignal,
  prove: Prove = proveReadiness,
): Promise<SnapshotManifest> {
  const logs: Logs = { console: join(plan.folder, 'console.log'), qemu: join(plan.folder, 'qemu.log') };
  try {
    return await bootAndSave({ ...plan, folder: join(plan.folder, runFolder), logs }, signal, prove);
  } catch (error) {
    signal.throwIfAborted();
    throw snapshotFailed(plan, error, await lastWords(logs));
  }
}

async function bootAndSave(plan: BootPlan, signal: AbortSignal, prove: Prove): Promise<SnapshotManifest> {
  await using booting = await boot(plan, signal);
  const { access, privateKey, startedAt, qmp, gone, pid } = booting;
  const either = AbortSignal.any([signal, gone]);
  await prove(access, { privateKey, timeoutMs: bootLimitMs, signal: either });
  const bootedAt = performance.now();
  await untilIdle(pid, either);
  await save(qmp, gone, signal);
  return {
    imageFingerprint: plan.image.fingerprint,
    size: plan.size,
    user: access.user,
    hostKey: access.hostKey,
    loginKey: privateKey,
    createdAt: new Date().toISOString(),
    timings: {
      bootMs: Math.round(bootedAt - startedAt),
      freezeMs: Math.round(performance.now() - bootedAt),
    },
  };
}

/** Returns when the guest has nothing more to do, or does not come to an end with it: then its clones go on with that. */
async function untilIdle(pid: number, signal: AbortSignal): Promise<void> {
  const giveUpAt = performance.now() + idleLimitMs;
  while (performance.now() < giveUpAt) {
    const before = cpuSecondsOfTree(pid);
    await delay(idleForMs, undefined, { signal });
    if (cpuSecondsOfTree(pid) - before < (idleBelow * idleForMs) / 1_000) return;
  }
}

/** Everything but the memory, which is a file already. The guest stands still from here on. */
async function save(qmp: Qmp, gone: AbortSignal, signal: AbortSignal): Promise<void> {
  await qmp.execute('stop');
  await qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'x-ignore-shared', state: true }] });
  await qmp.execute('migrate', { uri: `file:${files.state}` });
  const giveUp = AbortSignal.any([signal, AbortSignal.timeout(freezeLimitMs)]);
  for (;;) {
    const info = migrationSchema.parse(await qmp.execute('query-migrate'));
    if (info.status === 'completed') break;
    if (info.status === 'failed') throw new Error(`QEMU could not save the machine: ${info['error-desc']}`);
    await delay(pollMs, undefined, { signal: giveUp });
  }
  // Asked to end, it writes down what it holds of the disk's tables; killed, it would not. Its answer may not arrive.
  await qmp.execute('quit').catch(() => {});
  while (!gone.aborted) await delay(pollMs, undefined, { signal: giveUp });
}

const migrationSchema = z.object({ status: z.string().optional(), 'error-desc': z.string().optional() });

function snapshotFailed({ image }: Pick<BootPlan, 'image'>, cause: unknown, said: string): unknown {
  if (cause instanceof VmTaskError && cause.code === 'invalid-config') return cause;
  const { name, version } = image.ref;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VmTaskError('snapshot-failed', `${name}@${version} did not come up: ${why}\n${said}`.trim(), { cause });
}
