import type { Handling } from '@vm-task/bus/bus';
import { knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import type { EventData, Stored } from '@vm-task/shared/events';
import { newTaskId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { Attempt } from './attempt.ts';
import { AttemptsInFlight, onTaskCancelling } from './on-task-cancelling.ts';

const task = newTaskId(0);
const other = newTaskId(1);
const { capabilities } = knownDrivers.get('qemu');
const attemptOf = (of = task, number = 1) => {
  const ready = { task: of, attempt: number } as unknown as EventData<'vm.ready'>;
  return new Attempt(
    { ready, capabilities },
    { expectedSeq: 5, resumed: false, readyAt: new Date(0) },
    new AbortController().signal,
  );
};
const cancelling = (seq: number, attempt = 1) =>
  ({ event: { type: 'task.cancelling', seq, data: { task, attempt } } }) as unknown as Handling<Stored>;

test('a cancelling reaches the attempt of its task, and its sequence is the expected one', async () => {
  const inFlight = new AttemptsInFlight();
  const [mine, another] = [attemptOf(), attemptOf(other)];
  inFlight.add(mine);
  inFlight.add(another);
  expect(await onTaskCancelling(inFlight)(cancelling(9))).toMatchObject({ kind: 'done', event: null });
  expect([mine.cancelling.aborted, mine.expectedSeq, mine.signal.aborted]).toEqual([true, 9, false]);
  expect([another.cancelling.aborted, another.expectedSeq]).toEqual([false, 5]);
});

test('a cancelling that came before the attempt was taken reaches it all the same', async () => {
  const inFlight = new AttemptsInFlight();
  const handle = onTaskCancelling(inFlight);
  expect(await handle(cancelling(9))).toMatchObject({ kind: 'retry' });
  const attempt = attemptOf();
  inFlight.add(attempt);
  expect(await handle(cancelling(9))).toMatchObject({ kind: 'done' });
  expect(attempt.expectedSeq).toBe(9);
});

test('an attempt that has learnt of its cancelling otherwise is told once', async () => {
  const inFlight = new AttemptsInFlight();
  const attempt = attemptOf();
  inFlight.add(attempt);
  const handle = onTaskCancelling(inFlight);
  await handle(cancelling(9));
  expect(await handle(cancelling(9))).toMatchObject({ kind: 'done' });
  expect(attempt.expectedSeq).toBe(9);
});

test('what is no longer in flight, or another attempt, or newer than the cancelling is left alone', async () => {
  const inFlight = new AttemptsInFlight();
  const handle = onTaskCancelling(inFlight);
  const gone = attemptOf();
  inFlight.add(gone)[Symbol.dispose]();
  const second = attemptOf(task, 2);
  inFlight.add(second);
  expect(await handle(cancelling(9))).toMatchObject({ kind: 'retry' });
  expect(await handle(cancelling(4, 2))).toMatchObject({ kind: 'retry' });
  expect([gone.expectedSeq, second.expectedSeq]).toEqual([5, 5]);
});
