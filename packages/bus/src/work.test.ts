import { VmTaskError } from '@vm-task/shared/errors';
import { consumerFor, flow } from '@vm-task/shared/flow';
import { expect, test } from 'vitest';
import { type Delivery, decide } from './work.ts';

const worker = consumerFor(flow.provisionerOnTaskCompleted, { host: 'host-1' });
const delivery = (deliveries: number): Delivery => ({
  message: { seq: 1, subject: 'x', time: new Date(0), headers: undefined, data: Buffer.from('') },
  deliveries,
  signal: new AbortController().signal,
});
const failing = (error: Error, { deliveries = 1, failuresBefore = 0, by = worker } = {}) =>
  decide(delivery(deliveries), by, { handle: () => Promise.reject(error) }, failuresBefore);

test.each(['newer-event', 'ledger-unreadable'] as const)(
  'what a newer version has written (%s) is given back for it to take, however often it comes',
  async (code) => {
    for (const deliveries of [1, 5, 100])
      expect(await failing(new VmTaskError(code, 'not ours'), { deliveries })).toEqual({
        kind: 'retry',
        afterMs: 10_000,
        reason: 'not ours',
      });
  },
);

test('what is damaged is a dead letter, and what may heal by itself is tried again', async () => {
  expect(await failing(new VmTaskError('unreadable-event', 'torn'))).toEqual({ kind: 'reject', reason: 'torn' });
  await expect(failing(new VmTaskError('vm-not-gone', 'busy'))).rejects.toThrow('busy');
});

test('a command is given up at its twentieth failure in a row, an event never', async () => {
  const busy = new VmTaskError('vm-not-gone', 'busy');
  for (const row of [flow.intakeOnTaskSubmit, flow.intakeOnTaskSpawn]) {
    const by = consumerFor(row);
    await expect(failing(busy, { deliveries: 500, failuresBefore: 18, by })).rejects.toThrow('busy');
    expect(await failing(busy, { failuresBefore: 19, by })).toEqual({ kind: 'reject', reason: 'busy' });
  }
  await expect(failing(busy, { failuresBefore: 500 })).rejects.toThrow('busy');
});
