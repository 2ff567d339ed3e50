/**
 * Whether KVM works, found out by running a guest: the device may exist, be open to us, and never run a kernel
 * (nested and para-virtual hosts). The answer is kept in the cache and asked again when kernel, QEMU or device change.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cache } from '@vm-task/shared/home';
import { z } from 'zod';
import { nullIfMissing } from '../../host/missing.ts';
import type { Owner } from '../../host/own-folder.ts';
import { readJson, writeJson } from '../../ledger/json-file.ts';
import type { Accelerator } from './command-line.ts';
import { qemuProgram } from './qemu-version.ts';

const device = '/dev/kvm';
/** A guest of nine bytes is done in 50 ms. */
const probeLimitMs = 5_000;

const accelerators: readonly Accelerator[] = ['kvm', 'tcg'];
const answerSchema = z.object({ askedOf: z.string(), accelerator: z.string() });

/** What guests run with here. As `owner`, because that is who will open the device. */
export async function chooseAccelerator(cache: Cache, qemuVersion: string, owner: Owner | null): Promise<Accelerator> {
  const node = await stat(device).catch(nullIfMissing);
  if (node === null) return 'tcg';
  const askedOf = [release(), qemuVersion, node.mode, node.uid, node.gid, owner?.gid ?? process.getgid?.()].join(' ');
  const path = join(cache.root, 'accelerator.json');
  const known = await readJson(path, answerSchema);
  const answer = known.kind === 'value' && known.value.askedOf === askedOf ? known.value.accelerator : null;
  // One that another version has found is asked for anew.
  const found = accelerators.find((one) => one === answer);
  if (found !== undefined) return found;
  const accelerator = (await runsGuest('kvm', owner)) ? 'kvm' : 'tcg';
  await mkdir(cache.root, { recursive: true });
  await writeJson(path, { askedOf, accelerator });
  return accelerator;
}

/** The group that may open /dev/kvm; null where there is no such device, or its group is root's. */
export async function kvmGroup(): Promise<number | null> {
  return (await stat(device).catch(nullIfMissing))?.gid || null;
}

/** True when a guest with that accelerator executed its instructions. */
export async function runsGuest(accelerator: Accelerator, owner: Owner | null): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'vm-task-probe-'));
  try {
    const firmware = join(folder, 'firmware');
    await chmod(folder, 0o755);
    await writeFile(firmware, probeFirmware(), { mode: 0o444 });
    const cpu = accelerator === 'kvm' ? 'host' : 'max';
    const machine = [
      '-accel',
      accelerator,
      '-machine',
      'pc',
      '-cpu',
      cpu,
      '-m',
      '16M',
      '-nodefaults',
      '-no-user-config',
    ];
    const exit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'];
    const child = spawn(qemuProgram, [...machine, '-display', 'none', '-bios', firmware, ...exit], {
      stdio: 'ignore',
      timeout: probeLimitMs,
      killSignal: 'SIGKILL',
      ...(owner ?? {}),
    });
    const [code] = await once(child, 'exit');
    return code === exitCode;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** isa-debug-exit ends QEMU with twice the written value and one. */
const exitValue = 0x10;
const exitCode = 2 * exitValue + 1;

/** 64 KiB that end at 4 GiB, where the processor begins 16 bytes before the end. */
function probeFirmware(): Buffer {
  const firmware = Buffer.alloc(65_536, 0xf4);
  const program = [
    ...[0xb0, exitValue], // mov al, exitValue
    ...[0xba, 0xf4, 0x00], // mov dx, 0xf4
    0xee, // out dx, al
    0xf4, // hlt
  ];
  firmware.set(program, firmware.length - 16);
  return firmware;
}
