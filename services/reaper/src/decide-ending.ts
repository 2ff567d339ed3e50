/** How a task ends that is out of time: decided from its view, what is due, and the last event of the task. */
import { attemptAt, vmNamedBy } from '@vm-task/shared/attempt-at';
import { formatDuration } from '@vm-task/shared/durations';
import type { ErrorInfo } from '@vm-task/shared/errors';
import { anyHost, type Head, isTaskEnd } from '@vm-task/shared/events';
import { manualPool } from '@vm-task/shared/ids';
import { timeLimitError } from '@vm-task/shared/time-limits';
import type { UnrunEnding } from '@vm-task/shared/unrun-ending';
import type { DueKind, Overdue } from './deadlines.ts';
import { type LiveTask, type NamedVm, vmOf } from './task-view.ts';

/** How many VMs of the pool are there, and how many may be, on this host. */
export interface PoolUse {
  readonly isNamed: boolean;
  readonly vms: number;
  readonly max: number;
}

/** Null: the task has moved on, and what it has moved on to has deadlines of its own. */
export function decideEnding(
  { task, due }: Overdue,
  head: Head | null,
  use: PoolUse,
  nowMs: number,
): UnrunEnding | null {
  if (head === null || isTaskEnd(head)) return null;
  const isAsKnown = head.seq === task.headSeq;
  const vm = vmAt(head, task);
  // The total does not depend on how far a task without a VM has come; with one it is its runner's to stop first. A
  // cancelling has the last word on how it ends.
  const isForGood =
    nowMs >= task.createdMs + task.timeouts.totalMs && head.type !== 'task.cancelling' && vmNamedBy(head) === null;
  if (!isAsKnown && !isForGood) return null;
  const kind = isAsKnown ? due.kind : 'total';
  return {
    task: task.task,
    pool: task.pool,
    attempt: attemptAt(head),
    vm: vm?.id ?? null,
    host: vm?.host ?? anyHost,
    outcome: kind === 'cancel' ? 'cancelled' : 'timed_out',
    error: whyEnded(task, kind, use),
  };
}

/** The VM of the attempt that is under way: the head may be far ahead of what is known of the task. */
function vmAt(head: Head, task: LiveTask): NamedVm | null {
  return vmNamedBy(head) ?? (head.type === 'task.cancelling' ? vmOf(task) : null);
}

function whyEnded(task: LiveTask, kind: DueKind, use: PoolUse): ErrorInfo {
  const { queueMs, totalMs } = task.timeouts;
  switch (kind) {
    case 'queue':
      return { code: 'timed-out-queue', message: whyQueued(task.pool, queueMs, use) };
    case 'setup':
    case 'run':
      return timeLimitError(kind, task.timeouts);
    case 'total': {
      if (task.pool === manualPool) {
        const message = `nobody answered within ${formatDuration(totalMs)}: raise the stage's deadline, or ask again by resuming the pipeline`;
        return { code: 'timed-out-answer', message };
      }
      return timeLimitError(kind, task.timeouts);
    }
    case 'cancel':
      return { code: 'cancel-forced', message: 'no runner answered the cancelling in time; the VM was removed' };
  }
}

function whyQueued(pool: string, queueMs: number, { isNamed, vms, max }: PoolUse): string {
  const waited = formatDuration(queueMs);
  if (isNamed) {
    const why = vms >= max ? 'another task had it' : './vm-task pool list says whether it is away';
    return `waited ${waited} for the named VM "${pool}", which has one task at a time: ${why}; or raise the task's timeouts.queue`;
  }
  if (vms >= max) {
    return `waited ${waited} for a free VM of pool "${pool}" (max ${max}): raise pools.${pool}.max in vm-task.yaml, or the task's timeouts.queue`;
  }
  return `waited ${waited} for a VM of pool "${pool}" and got none, although the pool is not full: ./vm-task status tells whether a provisioner is running, its log what it was doing`;
}
