/** A task as the checks see it, and what of it should happen sometimes: how it ends, who goes on with it. */
import type { Head, Stored } from '@vm-task/shared/events';
import type { VmId } from '@vm-task/shared/ids';
import type { Observations } from './observations.ts';
import { isSometimes } from './sometimes.ts';

export interface SeenTask {
  readonly created: Stored<'task.created'>;
  readonly eventStream: Head[];
  /** Of all its attempts. */
  readonly vms: VmId[];
  /** Of the attempt that is under way. */
  ready: Stored<'vm.ready'> | null;
  setUp: Stored<'task.setup.done'> | null;
  completed: Stored<'task.completed'> | null;
}

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
