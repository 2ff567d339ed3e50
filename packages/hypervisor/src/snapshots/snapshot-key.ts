import { createHash } from 'node:crypto';
import type { Size } from '@vm-task/shared/sizes';
import { type Accelerator, machineFormat } from '../drivers/qemu/command-line.ts';

export interface SnapshotInputs {
  readonly imageFingerprint: string;
  readonly size: Size;
  readonly accelerator: Accelerator;
  readonly qemuVersion: string;
  /** Of the program of ours that is frozen with the machine. */
  readonly waitingVersion: string;
}

/** The name of the snapshot of exactly these: a state saved from one machine loads into no other. */
export function snapshotKey({ imageFingerprint, size, accelerator, ...versions }: SnapshotInputs): string {
  const { qemuVersion, waitingVersion } = versions;
  const { cpus, memoryMiB, diskMiB } = size;
  const machine = [machineFormat, imageFingerprint, cpus, memoryMiB, diskMiB, accelerator, qemuVersion];
  const inputs = [...machine, waitingVersion];
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 32);
}
