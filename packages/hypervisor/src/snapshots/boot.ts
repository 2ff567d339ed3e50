/** An image started from its beginning, in a folder of its own: what is frozen later, and what clones are faster than. */
import { link, mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Size } from '@vm-task/shared/sizes';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { type Accelerator, commandLine, files } from '../drivers/qemu/command-line.ts';
import { jailed } from '../drivers/qemu/jail/jail.ts';
import { limitsOf } from '../drivers/qemu/jail/limits.ts';
import type { Walls } from '../drivers/qemu/jail/probe.ts';
import { qemuProgram } from '../drivers/qemu/qemu-version.ts';
import type { Qmp } from '../drivers/qemu/qmp.ts';
import { type Logs, type Program, startQemu } from '../drivers/qemu/start-qemu.ts';
import { endProcess } from '../host/end-process.ts';
import { freePort } from '../host/free-port.ts';
import { type Owner, ownFolder } from '../host/own-folder.ts';
import { type Image, imageDisk } from '../images/image.ts';
import { runTool } from '../run-tool.ts';
import { type Seed, writeSeed } from './seed.ts';

export interface BootPlan {
  readonly image: Image;
  readonly size: Size;
  readonly accelerator: Accelerator;
  readonly walls: Walls;
  /** A folder that does not exist yet: QEMU's working directory, with the machine's files. */
  readonly folder: string;
  /** Whom QEMU runs as, or null. */
  readonly owner: Owner | null;
  readonly logs: Logs;
}

/** Ended when it is disposed of, and by the kernel when this process is killed: nobody else knows of it. */
export interface Booting extends AsyncDisposable {
  /** QEMU's, or that of the first of the processes around it. */
  readonly pid: number;
  readonly qmp: Qmp;
  /** Aborted when QEMU ends. */
  readonly gone: AbortSignal;
  /** How it is reached once it is up. */
  readonly access: VmAccess;
  readonly privateKey: string;
  /** `performance.now()` when QEMU was started. */
  readonly startedAt: number;
}

/** Returns when QEMU runs; the guest has just begun. */
export async function boot(plan: BootPlan, signal: AbortSignal): Promise<Booting> {
  const { image, size, accelerator, folder, owner } = plan;
  const seed = await furnish(plan, signal);
  await ownFolder(folder, owner);
  const port = await freePort();
  const start = { kind: 'boot', kernel: kernelOf(image), credentials: seed.credentials } as const;
  const machine = commandLine({ mark: folder, size, accelerator, port, restricted: true, start });
  const startedAt = performance.now();
  const { argv, ...program } = await programOf(plan, [qemuProgram, ...machine], port);
  const qemu = await startQemu({ ...program, argv: ['setpriv', '--pdeathsig', 'KILL', '--', ...argv] });
  const gone = new AbortController();
  void qemu.ended.then(() => gone.abort(new Error('QEMU ended before the guest was up')));
  return {
    pid: qemu.process.pid,
    qmp: qemu.qmp,
    gone: gone.signal,
    access: { host: '127.0.0.1', port, user: 'root', hostKey: seed.hostKey.publicKey },
    privateKey: seed.loginKey.privateKey,
    startedAt,
    async [Symbol.asyncDispose]() {
      qemu.qmp.close();
      await endProcess(qemu.process);
    },
  };
}

async function programOf(plan: BootPlan, argv: readonly string[], port: number): Promise<Program> {
  const { image, size, accelerator, walls, folder, owner, logs } = plan;
  if (walls.kind === 'lacking') return { argv, folder, runAs: owner, port: null, logs };
  const readOnly = [files.base, ...bootFiles(image)];
  const jail = {
    folder,
    readOnly,
    accelerator,
    limits: limitsOf(size),
    wayOut: { kind: 'none' },
    port,
    owner,
  } as const;
  return { ...(await jailed(argv, jail)), folder, logs };
}

/** Everything that QEMU opens, in its working directory. */
async function furnish({ image, size, folder }: BootPlan, signal: AbortSignal): Promise<Seed> {
  checkFits(image, size);
  await mkdir(folder, { mode: 0o700 });
  await link(imageDisk(image), join(folder, files.base));
  for (const name of bootFiles(image)) await link(join(image.folder, name), join(folder, name));
  const create = ['create', '-q', '-f', 'qcow2', '-b', files.base, '-F', 'qcow2', files.disk, `${size.diskMiB}M`];
  await runTool('qemu-img', create, { cwd: folder, signal });
  const memory = join(folder, files.memory);
  await writeFile(memory, '', { mode: 0o600 });
  await truncate(memory, size.memoryMiB * 1_048_576);
  return await writeSeed(folder);
}

function checkFits({ ref, virtualSizeMiB, minMemoryMiB }: Image, size: Size): void {
  if (size.diskMiB >= virtualSizeMiB && size.memoryMiB >= minMemoryMiB) return;
  const least = `diskMiB: ${virtualSizeMiB} and memoryMiB: ${minMemoryMiB}`;
  throw new VmTaskError(
    'invalid-config',
    `${ref.name}@${ref.version} needs at least ${least}; the pool's size has ${size.diskMiB} and ${size.memoryMiB}`,
  );
}

function bootFiles({ boot }: Image): string[] {
  if (boot.kind === 'firmware') return [];
  return boot.initrd === null ? [boot.kernel] : [boot.kernel, boot.initrd];
}

function kernelOf({ boot }: Image) {
  if (boot.kind === 'firmware') return null;
  return { path: boot.kernel, initrd: boot.initrd, cmdline: `${boot.cmdline} console=ttyS0` };
}
