/** Handles task.created. Emits: vm.ready | task.retrying | task.completed. The first attempt gets its VM, or the reason why there is none. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import type { Stored } from '@vm-task/shared/events';
import type { CapacityLimits } from './capacity.ts';
import { type Provisioning, provideVm } from './provide-vm.ts';

export function onTaskCreated(context: Omit<Provisioning, 'limits'>, limitsOf: (pool: string) => CapacityLimits) {
  return async ({ event, signal, log }: Handling<Stored>): Promise<HandlerOutcome> => {
    if (event.type !== 'task.created') return done();
    const attempt = { created: event, number: 1, expectedSeq: event.seq };
    // It was taken only because there was capacity; what has changed since then changes again.
    const limits = limitsOf(event.data.pool);
    return provideVm({ ...context, limits, log }, attempt, { signal, capacityWaitMs: Number.POSITIVE_INFINITY });
  };
}
