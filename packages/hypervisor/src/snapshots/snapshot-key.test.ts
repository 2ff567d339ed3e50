import { expect, test } from 'vitest';
import { type SnapshotMakings, snapshotKey } from './snapshot-key.ts';

const makings: SnapshotMakings = {
  imageFingerprint: 'f'.repeat(64),
  size: { cpus: 1, memoryMiB: 512, diskMiB: 4096 },
  accelerator: 'tcg',
  qemuVersion: '10.0.2',
};

test('the same makings have the same key, whatever the order of their names', () => {
  const { size, ...rest } = makings;
  expect(snapshotKey({ size, ...rest })).toBe(snapshotKey(makings));
  expect(snapshotKey(makings)).toMatch(/^[0-9a-f]{32}$/);
});

test('everything that a state depends on is in the key', () => {
  const others: SnapshotMakings[] = [
    { ...makings, imageFingerprint: 'e'.repeat(64) },
    { ...makings, size: { ...makings.size, cpus: 2 } },
    { ...makings, size: { ...makings.size, memoryMiB: 513 } },
    { ...makings, size: { ...makings.size, diskMiB: 4097 } },
    { ...makings, accelerator: 'kvm' },
    { ...makings, qemuVersion: '10.0.3' },
  ];
  expect(new Set([makings, ...others].map(snapshotKey)).size).toBe(others.length + 1);
});
