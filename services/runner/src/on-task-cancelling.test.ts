import { knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import type { EventData, Stored } from '@vm-task/shared/events';
import { newTaskId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { Attempt } from './attempt.ts';
import { AttemptsInHand } from './on-task-cancelling.ts';

const task = newTaskId(0);
const other = newTaskId(1);
const { capabilities } = knownDrivers.get('qemu');
const attemptOf = (of = task, number = 1) => {
  const ready = { task: of, attempt: number } as unknown as EventData<'vm.ready'>;
  return new Attempt({ ready, capabilities }, { fence: 5, resumed: false }, new AbortController().signal);
};
const cancelling = (seq: number, attempt = 1) =>
  ({ type: 'task.cancelling', seq, data: { task, attempt } }) as unknown as Stored<'task.cancelling'>;

test('a cancelling reaches the attempt of its task, and its sequence is the fence', () => {
  const inHand = new AttemptsInHand();
  const [mine, another] = [attemptOf(), attemptOf(other)];
  inHand.add(mine);
  inHand.add(another);
  inHand.onTaskCancelling(cancelling(9));
  expect([mine.cancelling.aborted, mine.fence, mine.signal.aborted]).toEqual([true, 9, false]);
  expect([another.cancelling.aborted, another.fence]).toEqual([false, 5]);
});

test('a cancelling that came before the attempt was taken in hand reaches it all the same', () => {
  const inHand = new AttemptsInHand();
  inHand.onTaskCancelling(cancelling(9));
  const attempt = attemptOf();
  inHand.add(attempt);
  expect(attempt.fence).toBe(9);
});

test('nothing is remembered of a task that is over', () => {
  const inHand = new AttemptsInHand();
  inHand.onTaskCancelling(cancelling(9));
  inHand.onTaskCompleted(task);
  const attempt = attemptOf();
  inHand.add(attempt);
  expect(attempt.cancelling.aborted).toBe(false);
});

test('the end of the task ends the work on it', () => {
  const inHand = new AttemptsInHand();
  const attempt = attemptOf();
  inHand.add(attempt);
  inHand.onTaskCompleted(task);
  expect(attempt.signal.aborted).toBe(true);
});

test('what is no longer in hand, or another attempt, or older than the fence is left alone', () => {
  const inHand = new AttemptsInHand();
  const gone = attemptOf();
  inHand.add(gone)[Symbol.dispose]();
  const second = attemptOf(task, 2);
  inHand.add(second);
  inHand.onTaskCancelling(cancelling(9));
  inHand.onTaskCancelling(cancelling(4, 2));
  expect([gone.fence, second.fence]).toEqual([5, 5]);
});
