/** Of what should happen sometimes: what one sees of tasks, in how they end and who goes on with them. */
import type { Stored } from '@vm-task/shared/events';
import type { Observations } from './observations.ts';
import type { SeenTask } from './properties.ts';
import { isSometimes } from './sometimes.ts';

export function noteEnding(observations: Observations, { data }: Stored<'task.completed'>, { ready }: SeenTask): void {
  const { outcome, error, attempt, exitCode } = data;
  const ending = `ended: ${error?.code}`;
  if (isSometimes(ending)) observations.sometimes(ending);
  if (outcome === 'succeeded') observations.sometimes('a task succeeded');
  if (outcome === 'succeeded' && attempt > 1) observations.sometimes('a later attempt succeeded');
  if (outcome === 'failed' && exitCode !== null) observations.sometimes('a task failed by its exit code');
  if (outcome === 'cancelled') {
    const when = ready === null ? 'a task was cancelled before a VM was ready' : 'a task was cancelled while it ran';
    observations.sometimes(when);
  }
}

export function noteResumption(observations: Observations, { eventStream }: SeenTask): void {
  const begun = eventStream.findLastIndex(({ type }) => type === 'vm.ready');
  const resumed = eventStream.slice(begun + 1).filter(({ type }) => type === 'task.resumed').length;
  if (resumed > 0) observations.sometimes('an attempt was resumed');
  if (resumed > 1) observations.sometimes('an attempt was resumed twice');
  const cancelled = eventStream.some(({ type }) => type === 'task.cancelling');
  if (resumed > 0 && cancelled) observations.sometimes('an attempt was cancelled and resumed');
}
