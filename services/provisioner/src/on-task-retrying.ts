/** Handles task.retrying. Emits: vm.gone. The VM of the attempt that has failed is removed, if it is one of this host's. */
import type { Handling } from '@vm-task/bus/bus';
import { done, type HandlerOutcome } from '@vm-task/bus/outcome';
import type { Stored } from '@vm-task/shared/events';
import { type Releasing, releaseNamed } from './release-named.ts';

export function onTaskRetrying(releasing: Releasing) {
  return async ({ event, signal, log }: Handling<Stored>): Promise<HandlerOutcome> => {
    if (event.type !== 'task.retrying') return done();
    const { vm, attempt } = event.data;
    await releaseNamed({ ...releasing, log }, vm, `attempt ${attempt} of its task failed`, signal);
    return done();
  };
}
