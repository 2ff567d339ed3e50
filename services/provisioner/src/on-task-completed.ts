/** Handles task.completed. Emits: vm.gone. The VM that the event names is removed, if it is one of this host's. */
import type { Handling } from '@vm-task/shared/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/shared/bus/outcome';
import type { Stored } from '@vm-task/shared/events';
import { type Releasing, releaseNamed } from './release-named.ts';

export function onTaskCompleted(releasing: Releasing) {
  return async ({ event, signal, log }: Handling<Stored>): Promise<HandlerOutcome> => {
    if (event.type !== 'task.completed') return done();
    const { vm, outcome } = event.data;
    await releaseNamed({ ...releasing, log }, vm, `its task ${outcome.replace('_', ' ')}`, signal);
    return done();
  };
}
