import { createHash } from 'node:crypto';
import type { Size } from '@vm-task/shared/sizes';
import type { Image } from '../images/image.ts';
import { type Accelerator, machineFormat } from '../qemu/command-line.ts';

export interface SnapshotMakings {
  readonly image: Pick<Image, 'fingerprint' | 'diskSha256'>;
  readonly size: Size;
  readonly accelerator: Accelerator;
  readonly qemuVersion: string;
}

/** The name of the snapshot of exactly these: a state saved from one machine loads into no other. */
export function snapshotKey({ image, size, accelerator, qemuVersion }: SnapshotMakings): string {
  const makings = [
    machineFormat,
    image.fingerprint,
    image.diskSha256,
    size.cpus,
    size.memoryMiB,
    size.diskMiB,
    accelerator,
    qemuVersion,
  ];
  return createHash('sha256').update(JSON.stringify(makings)).digest('hex').slice(0, 32);
}
