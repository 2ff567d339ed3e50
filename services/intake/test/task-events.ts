/** What happens to a task that was submitted as a file; the rest is as in every sample. */
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import { parseConfig } from '@vm-task/service/config';
import type { Draft, EventData, HostToken } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import * as sample from '@vm-task/testing/sample-events';

export const config = parseConfig('', 'the test');

export function created(
  task: TaskId,
  file: object = { run: 'echo hi' },
  changes: Partial<EventData<'task.created'>> = {},
): Draft<'task.created'> {
  return sample.created(task, { ...planTask(file, config), ...changes });
}

/** Its process goes by the guest's clock, and has found three. */
export function completed(
  task: TaskId,
  vm: VmId | null,
  changes: Partial<EventData<'task.completed'>> = {},
  host?: HostToken,
): Draft<'task.completed'> {
  const result = { kind: 'json', source: 'file', value: { found: 3 } } as const;
  return sample.completed(task, { vm, result, output: null, processMs: 120, ...changes }, host);
}
