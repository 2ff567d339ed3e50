/** The runner with everything it needs given to it. */
import { flow } from '@vm-task/shared/flow';
import { AttemptsInHand, followCancelling } from './on-task-cancelling.ts';
import { onVmReady } from './on-vm-ready.ts';
import type { RunnerParts } from './runner-parts.ts';

/** Works until `stop`; resolves when no attempt is in hand any more. */
export async function startRunner(parts: RunnerParts): Promise<void> {
  const { bus, config, log, stop, abort } = parts;
  const inHand = new AttemptsInHand();
  const drained = new AbortController();
  const { state } = await bus.connection.jsm.streams.info('EVENTS');
  const following = followCancelling(bus, inHand, { from: state.last_seq + 1, signal: drained.signal, log });
  const working = bus.workEvents(
    flow.runnerOnVmReady,
    async (handling) => {
      const { event } = handling;
      if (event.type !== 'vm.ready') throw new Error(`${event.type} is not for the runner`);
      return onVmReady({ ...handling, event }, inHand, parts);
    },
    { slots: config.runner.maxTasks, stop, abort },
  );
  await Promise.all([working.finally(() => drained.abort()), following]);
}
