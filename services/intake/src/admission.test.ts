import { expect, test } from 'vitest';
import {
  bytesPerSubject,
  createAdmission,
  filesRefusalFor,
  type Room,
  refusalFor,
  type Shortage,
} from './admission.ts';

const GiB = 1024 ** 3;
const roomy: Room = {
  eventsBytes: 1 * GiB,
  eventsMaxBytes: 8 * GiB,
  diskFreeBytes: 50 * GiB,
  subjects: 500_000,
  memoryBytes: 8 * GiB,
  stores: [],
};
const crowded: Room = { ...roomy, subjects: (0.8 * GiB) / bytesPerSubject + 1 };

test('new tasks are refused from four fifths of the stream on, with both figures', () => {
  expect(refusalFor(roomy)).toBeNull();
  expect(refusalFor({ ...roomy, eventsBytes: 6.39 * GiB })).toBeNull();
  const refusal = refusalFor({ ...roomy, eventsBytes: 6.4 * GiB });
  expect(refusal).toMatchObject({ shortage: 'events', reason: expect.stringContaining('6.40 GiB of 8.00 GiB') });
});

test('new tasks are refused while the disk has less than 2 GiB', () => {
  expect(refusalFor({ ...roomy, diskFreeBytes: 2 * GiB })).toBeNull();
  const refusal = refusalFor({ ...roomy, diskFreeBytes: 2 * GiB - 1 });
  expect(refusal).toMatchObject({ shortage: 'disk', reason: expect.stringContaining('the disk has 2.00 GiB free') });
});

test("new tasks are refused from four fifths of an eighth of the host's memory on, by the number of subjects", () => {
  expect(refusalFor({ ...crowded, subjects: crowded.subjects - 2 })).toBeNull();
  const reason = expect.stringContaining('about 0.80 GiB of memory');
  expect(refusalFor(crowded)).toMatchObject({ shortage: 'memory', reason });
  expect(refusalFor({ ...crowded, memoryBytes: 16 * GiB })).toBeNull();
});

test('tasks that leave files are refused while no host has room for them, and no others', async () => {
  const store = (host: string, bytes: number) => ({ host, bytes, maxBytes: 16 * GiB });
  expect(filesRefusalFor({ ...roomy, stores: [store('a', 12.7 * GiB)] })).toBeNull();
  expect(filesRefusalFor({ ...roomy, stores: [store('a', 16 * GiB), store('b', 0)] })).toBeNull();
  const full = { ...roomy, stores: [store('a', 12.8 * GiB)] };
  expect(filesRefusalFor(full)).toMatchObject({
    shortage: 'files',
    reason: expect.stringContaining('12.80 GiB of 16.00 GiB'),
  });
  expect(refusalFor(full)).toBeNull();
  const told: Shortage[] = [];
  const admission = createAdmission(
    async () => full,
    () => 1_000_000,
    ({ shortage }) => told.push(shortage),
  );
  await admission.requireRoom({ keepsFiles: false });
  for (let i = 0; i < 3; i++) {
    await expect(admission.requireRoom({ keepsFiles: true })).rejects.toMatchObject({ code: 'stream-full' });
  }
  expect(told).toEqual(['files']);
});

test('the stream is asked at most once a second, and a failed question is not remembered longer', async () => {
  let nowMs = 0;
  let asked = 0;
  const admission = createAdmission(
    async () => {
      asked += 1;
      if (asked === 1) throw new Error('away');
      return { ...roomy, diskFreeBytes: 0 };
    },
    () => nowMs,
    () => undefined,
  );
  await expect(admission.refusal({ keepsFiles: false })).rejects.toThrow('away');
  nowMs = 1_000;
  await expect(admission.requireRoom({ keepsFiles: false })).rejects.toMatchObject({ code: 'stream-full' });
  nowMs = 1_999;
  await expect(admission.requireRoom({ keepsFiles: false })).rejects.toMatchObject({ code: 'stream-full' });
  expect(asked).toBe(2);
});

test('people are told once of each shortage for as long as it lasts, and again when it comes back after an hour', async () => {
  let nowMs = 0;
  let room = crowded;
  const told: Shortage[] = [];
  const admission = createAdmission(
    async () => room,
    () => nowMs,
    ({ shortage }) => told.push(shortage),
  );
  const look = async (next: Room, afterMs: number) => {
    room = next;
    nowMs += afterMs;
    await admission.refusal({ keepsFiles: false });
    return told.splice(0);
  };
  expect(await look(crowded, 0)).toEqual(['memory']);
  expect(await look({ ...crowded, diskFreeBytes: 0 }, 1_000)).toEqual(['disk']);
  for (const _again of [1, 2, 3]) expect(await look(crowded, 3_000_000)).toEqual([]);
  expect(await look(roomy, 1_000_000)).toEqual([]);
  expect(await look(crowded, 1_000_000)).toEqual([]);
  await look(roomy, 1_000);
  expect(await look(crowded, 3_600_000)).toEqual(['memory']);
});
