import { expect, test } from 'vitest';
import { type SnapshotInputs, snapshotKey } from './snapshot-key.ts';

const inputs: SnapshotInputs = {
  imageFingerprint: 'f'.repeat(64),
  size: { cpus: 1, memoryMiB: 512, diskMiB: 4096 },
  accelerator: 'tcg',
  qemuVersion: '10.0.2',
  waitingVersion: 'a',
};

test('the same inputs have the same key, whatever the order of their names', () => {
  const { size, ...rest } = inputs;
  expect(snapshotKey({ size, ...rest })).toBe(snapshotKey(inputs));
  expect(snapshotKey(inputs)).toMatch(/^[0-9a-f]{32}$/);
});

test('everything that a state depends on is in the key', () => {
  const others: SnapshotInputs[] = [
    { ...inputs, imageFingerprint: 'e'.repeat(64) },
    { ...inputs, size: { ...inputs.size, cpus: 2 } },
    { ...inputs, size: { ...inputs.size, memoryMiB: 513 } },
    { ...inputs, size: { ...inputs.size, diskMiB: 4097 } },
    { ...inputs, accelerator: 'kvm' },
    { ...inputs, qemuVersion: '10.0.3' },
    { ...inputs, waitingVersion: 'b' },
  ];
  expect(new Set([inputs, ...others].map(snapshotKey)).size).toBe(others.length + 1);
});
