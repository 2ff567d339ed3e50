/** One trivial task from its submission to its end, and how long each phase took by its events' times. */
import type { Client } from '@vm-task/client/client';

/** Milliseconds; the times are the broker's, and the broker's clock is this host's. */
export interface TaskTimes {
  /** From the request until the task is stored. */
  readonly accepted: number;
  /** From there until it has its VM. */
  readonly queued: number;
  /** Until its process may start; there are no setup steps. */
  readonly setUp: number;
  /** Until its end is stored. */
  readonly completed: number;
  readonly total: number;
  /** The process's own time, by the guest's clock. */
  readonly process: number;
}

export async function runTask(client: Client, pool: string): Promise<TaskTimes> {
  const submittedAt = Date.now();
  const id = await client.tasks.submit({ command: ['true'], pool });
  const times = new Map<string, number>();
  let ending: Record<string, unknown> = {};
  for await (const { type, time, data } of client.tasks.followEvents(id, AbortSignal.timeout(taskLimitMs))) {
    times.set(type, Date.parse(time));
    if (type === 'task.completed') ending = data;
  }
  if (ending['outcome'] !== 'succeeded') throw new Error(`task ${id}: ${JSON.stringify(ending)}`);
  const at = (type: string) => times.get(type) ?? Number.NaN;
  return {
    accepted: at('task.created') - submittedAt,
    queued: at('vm.ready') - at('task.created'),
    setUp: at('task.setup.done') - at('vm.ready'),
    completed: at('task.completed') - at('task.setup.done'),
    total: at('task.completed') - submittedAt,
    process: Number(ending['processMs']),
  };
}

/** The first task of a pool may wait for its image and its snapshot. */
const taskLimitMs = 15 * 60_000;
