import { expect, test } from 'vitest';
import { createAdmission, type Room, refusalFor } from './admission.ts';

const GiB = 1024 ** 3;
const roomy: Room = { eventsBytes: 1 * GiB, eventsMaxBytes: 8 * GiB, diskFreeBytes: 50 * GiB };

test('new tasks are refused from four fifths of the stream on, with both figures', () => {
  expect(refusalFor(roomy)).toBeNull();
  expect(refusalFor({ ...roomy, eventsBytes: 6.39 * GiB })).toBeNull();
  expect(refusalFor({ ...roomy, eventsBytes: 6.4 * GiB })).toMatch(/6\.40 GiB of 8\.00 GiB/);
});

test('new tasks are refused while the disk has less than 2 GiB', () => {
  expect(refusalFor({ ...roomy, diskFreeBytes: 2 * GiB })).toBeNull();
  expect(refusalFor({ ...roomy, diskFreeBytes: 2 * GiB - 1 })).toMatch(/the disk has 2\.00 GiB free/);
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
  );
  await expect(admission.refusal()).rejects.toThrow('away');
  nowMs = 1_000;
  await expect(admission.requireRoom()).rejects.toMatchObject({ code: 'stream-full' });
  nowMs = 1_999;
  await expect(admission.requireRoom()).rejects.toMatchObject({ code: 'stream-full' });
  expect(asked).toBe(2);
});
