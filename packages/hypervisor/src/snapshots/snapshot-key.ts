import { createHash } from 'node:crypto';
import type { Size } from '@vm-task/shared/sizes';
import { type Accelerator, machineFormat } from '../drivers/qemu/command-line.ts';

export interface SnapshotInputs {
  readonly imageFingerprint: string;
  readonly size: Size;
  readonly accelerator: Accelerator;
  readonly qemuVersion: string;
}

/** The name of the snapshot of exactly these: a state saved from one machine loads into no other. */
export function snapshotKey({ imageFingerprint, size, accelerator, qemuVersion }: SnapshotInputs): string {
  const inputs = [machineFormat, imageFingerprint, size.cpus, size.memoryMiB, size.diskMiB, accelerator, qemuVersion];
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 32);
}
