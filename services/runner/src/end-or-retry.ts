/** What is appended when an attempt has ended: the end of the task, or that another attempt follows. */
import type { Bus } from '@vm-task/bus/bus';
import { readCreated } from '@vm-task/bus/find-task';
import { decideRetry } from '@vm-task/shared/decide-retry';
import type { Draft } from '@vm-task/shared/events';
import type { Attempt } from './attempt.ts';

/** A process's own exit code is a failure like any other: one of its `run`. */
export async function endOrRetry(
  { phase, cancelling, ready }: Attempt,
  ending: Draft<'task.completed'>,
  bus: Pick<Bus, 'connection' | 'now'>,
): Promise<Draft<'task.completed'> | Draft<'task.retrying'>> {
  if (ending.data.outcome !== 'failed') return ending;
  const created = await readCreated(bus.connection, ready);
  if (created === null) return ending;
  const nowMs = (await bus.now()).getTime();
  return decideRetry({ ending, phase, created, cancelling: cancelling.aborted, nowMs });
}
