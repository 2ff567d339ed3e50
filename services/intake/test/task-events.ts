/** What happens to a task, as the other services say it. */

import { planTask } from '@vm-task/pipelines/planning/plan-task';
import { parseConfig } from '@vm-task/service/config';
import type { EventData } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';

export const config = parseConfig('', 'the test');

export const size = { cpus: 1, memoryMiB: 512, diskMiB: 4096 };

export function created(task: TaskId, file: object = { run: 'echo hi' }): EventData<'task.created'> {
  return { v: 1, task, ...planTask(file, config), cause: { kind: 'http', id: 'test' } };
}

export function vmReady(task: TaskId, vm: VmId): EventData<'vm.ready'> {
  return {
    v: 1,
    task,
    pool: 'default',
    attempt: 1,
    vm,
    host: 'here',
    driver: 'qemu',
    image: 'python@1.0.0',
    runtimes: { shell: ['sh'] },
    size,
    access: { host: '127.0.0.1', port: 22, user: 'root', hostKey: 'ssh-ed25519 AAAA' },
    warm: false,
  };
}

export function setupDone(task: TaskId): EventData<'task.setup.done'> {
  return { v: 1, task, pool: 'default', attempt: 1, steps: [] };
}

export function completed(
  task: TaskId,
  vm: VmId | null,
  more: Partial<EventData<'task.completed'>> = {},
): EventData<'task.completed'> {
  return {
    v: 1,
    task,
    pool: 'default',
    attempt: 1,
    vm,
    outcome: 'succeeded',
    exitCode: 0,
    signal: null,
    result: { kind: 'json', source: 'file', value: { found: 3 } },
    error: null,
    output: null,
    artifacts: [],
    processMs: 120,
    ...more,
  };
}

export function gone(task: TaskId, vm: VmId): EventData<'vm.gone'> {
  return { v: 1, pool: 'default', vm, host: 'here', task, reason: 'completed' };
}
