/** Handles task.completed. Emits: vm.gone. The VM that the event names is removed, if it is one of this host's and nobody is to have it next. */

import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import type { Claim } from '@vm-task/hypervisor/ledger/vm-record';
import type { EventData, Stored } from '@vm-task/shared/events';
import { type Releasing, releaseNamed } from './release-named.ts';

export function onTaskCompleted(releasing: Releasing) {
  return async ({ event, signal, log }: Handling<Stored>): Promise<HandlerOutcome> => {
    if (event.type !== 'task.completed') return done();
    const { vm, outcome } = event.data;
    const state = vm === null ? null : await releasing.hypervisor.find(vm);
    if (state?.phase === 'claimed' && staysWith(state.claim, event.data)) return done();
    await releaseNamed({ ...releasing, log }, vm, `its task ${outcome.replace('_', ' ')}`, signal);
    return done();
  };
}

/** A later stage has it already, whatever this delivery of an earlier one's end says; or its pipeline has it until then. */
function staysWith({ task, keep }: Claim, ended: EventData<'task.completed'>): boolean {
  return task !== ended.task || (ended.outcome === 'succeeded' && keep !== undefined);
}
