/** Boots an image once and freezes it when it has proved that it works (readiness first, then the freeze). */
import { link, mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { proveReadiness } from '@vm-task/guest/readiness';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Size } from '@vm-task/shared/sizes';
import { z } from 'zod';
import { endProcess } from '../host/end-process.ts';
import { freePort } from '../host/free-port.ts';
import { type Owner, ownFolder } from '../host/own-folder.ts';
import { type Image, imageDisk } from '../images/image.ts';
import { type Accelerator, commandLine, files, type Machine } from '../qemu/command-line.ts';
import { qemuProgram } from '../qemu/qemu-version.ts';
import type { Qmp } from '../qemu/qmp.ts';
import { type Logs, lastWords, type Qemu, startQemu } from '../qemu/start-qemu.ts';
import { runTool } from '../run-tool.ts';
import { type Seed, writeSeed } from './seed.ts';
import type { SnapshotManifest } from './snapshot.ts';

/** A stock distribution without hardware virtualisation takes 20 s on an idle host; this is for a busy one. */
const bootLimitMs = 300_000;
/** Device state is about a megabyte. */
const freezeLimitMs = 60_000;
const pollMs = 10;

export interface FreezePlan {
  readonly image: Image;
  readonly size: Size;
  readonly accelerator: Accelerator;
  /** An empty folder: what is frozen is made in there. */
  readonly folder: string;
  /** Whom QEMU runs as, or null. */
  readonly owner: Owner | null;
}

/** The snapshot's files, in the plan's folder. Thrown: `snapshot-failed` with the last words of the console; the signal's reason when aborted. */
export async function freeze(plan: FreezePlan, signal: AbortSignal): Promise<SnapshotManifest> {
  const logs: Logs = { console: join(plan.folder, 'console.log'), qemu: join(plan.folder, 'qemu.log') };
  const run = join(plan.folder, 'run');
  try {
    return await bootAndFreeze(plan, run, logs, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw snapshotFailed(plan, error, await lastWords(logs));
  }
}

async function bootAndFreeze(
  { image, size, accelerator, owner }: FreezePlan,
  run: string,
  logs: Logs,
  signal: AbortSignal,
): Promise<SnapshotManifest> {
  const seed = await furnish(run, image, size, signal);
  await ownFolder(run, owner);
  const port = await freePort();
  const machine: Machine = {
    mark: run,
    size,
    accelerator,
    port,
    restricted: true,
    start: { kind: 'boot', kernel: kernelOf(image), credentials: seed.credentials },
  };
  const startedAt = performance.now();
  // Should this process be killed, the kernel ends QEMU with it: nobody else knows of it.
  const argv = ['setpriv', '--pdeathsig', 'KILL', '--', qemuProgram, ...commandLine(machine)];
  const qemu = await startQemu({ argv, folder: run, runAs: owner, logs });
  try {
    const access = { host: '127.0.0.1', port, user: 'root', hostKey: seed.hostKey.publicKey };
    await orEnded(qemu, (gone) =>
      proveReadiness(access, {
        privateKey: seed.loginKey.privateKey,
        timeoutMs: bootLimitMs,
        signal: AbortSignal.any([signal, gone]),
      }),
    );
    const bootedAt = performance.now();
    await save(qemu.qmp, signal);
    const timings = {
      bootMs: Math.round(bootedAt - startedAt),
      freezeMs: Math.round(performance.now() - bootedAt),
    };
    const { fingerprint: imageFingerprint } = image;
    const createdAt = new Date().toISOString();
    const { user, hostKey } = access;
    return { imageFingerprint, size, user, hostKey, loginKey: seed.loginKey.privateKey, createdAt, timings };
  } finally {
    qemu.qmp.close();
    await endProcess(qemu.process);
  }
}

/** Everything that QEMU opens, in its working directory. */
async function furnish(run: string, image: Image, size: Size, signal: AbortSignal): Promise<Seed> {
  if (size.diskMiB < image.virtualSizeMiB || size.memoryMiB < image.minMemoryMiB) {
    const { name, version } = image.ref;
    const least = `a disk of ${image.virtualSizeMiB} MiB and ${image.minMemoryMiB} MiB of memory`;
    throw new VmTaskError(
      'invalid-config',
      `${name}@${version} needs at least ${least}, the pool's size has ${size.diskMiB} and ${size.memoryMiB}`,
    );
  }
  await mkdir(run, { mode: 0o700 });
  await link(imageDisk(image), join(run, files.base));
  const { boot } = image;
  if (boot.kind === 'direct') {
    await link(join(image.folder, boot.kernel), join(run, boot.kernel));
    if (boot.initrd !== null) await link(join(image.folder, boot.initrd), join(run, boot.initrd));
  }
  const create = ['create', '-q', '-f', 'qcow2', '-b', files.base, '-F', 'qcow2', files.disk, `${size.diskMiB}M`];
  await runTool('qemu-img', create, { cwd: run, signal });
  const memory = join(run, files.memory);
  await writeFile(memory, '', { mode: 0o600 });
  await truncate(memory, size.memoryMiB * 1_048_576);
  return await writeSeed(run);
}

function kernelOf({ boot }: Image) {
  if (boot.kind === 'firmware') return null;
  return { path: boot.kernel, initrd: boot.initrd, cmdline: `${boot.cmdline} console=ttyS0` };
}

/** Everything but the memory, which is a file already. The guest stands still from here on. */
async function save(qmp: Qmp, signal: AbortSignal): Promise<void> {
  await qmp.execute('stop');
  await qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'x-ignore-shared', state: true }] });
  await qmp.execute('migrate', { uri: `file:${files.state}` });
  const giveUp = AbortSignal.any([signal, AbortSignal.timeout(freezeLimitMs)]);
  for (;;) {
    const { status, desc } = migrationSchema.parse(await qmp.execute('query-migrate'));
    if (status === 'completed') return;
    if (status === 'failed') throw new Error(`QEMU could not save the machine's state: ${desc ?? 'no reason given'}`);
    await delay(pollMs, undefined, { signal: giveUp });
  }
}

const migrationSchema = z
  .object({ status: z.string().optional(), 'error-desc': z.string().optional() })
  .transform((info) => ({ status: info.status, desc: info['error-desc'] }));

/** `work`, told by a signal when the machine ends meanwhile, which is then what is thrown. */
async function orEnded<T>(qemu: Qemu, work: (gone: AbortSignal) => Promise<T>): Promise<T> {
  const gone = new AbortController();
  void qemu.ended.then(() => gone.abort(new Error('QEMU ended before the guest was up')));
  return await work(gone.signal);
}

function snapshotFailed({ image }: FreezePlan, cause: unknown, last: string): unknown {
  if (cause instanceof VmTaskError && cause.code !== 'vm-not-started' && !cause.code.startsWith('ssh-')) return cause;
  const { name, version } = image.ref;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VmTaskError('snapshot-failed', `${name}@${version} did not come up: ${why}\n${last}`.trim(), { cause });
}
