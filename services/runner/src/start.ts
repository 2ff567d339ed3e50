/** The runner with everything it needs given to it. */
import { openBrokerClock } from '@vm-task/bus/broker-clock';
import { flow } from '@vm-task/shared/flow';
import { AttemptsInFlight, onTaskCancelling } from './on-task-cancelling.ts';
import { onVmReady } from './on-vm-ready.ts';
import type { RunnerParts, Running } from './runner-parts.ts';

/** Telling an attempt is nothing to wait for. */
const cancelSlots = 4;

/** Works until `stop`; resolves when no attempt is in flight any more. */
export async function startRunner(parts: RunnerParts): Promise<void> {
  const { bus, config, host, stop, abort } = parts;
  const running: Running = { ...parts, clock: await openBrokerClock(() => bus.now(), abort) };
  const inFlight = new AttemptsInFlight();
  // Attempts in flight are still cancelled while this runner drains.
  const drained = new AbortController();
  const working = bus.workEvents(
    flow.runnerOnVmReady,
    async (handling) => {
      const { event } = handling;
      if (event.type !== 'vm.ready') throw new Error(`${event.type} is not for the runner`);
      return onVmReady({ ...handling, event }, inFlight, running);
    },
    { slots: config.runner.maxTasks, scope: { host }, stop, abort },
  );
  const cancelling = bus.workEvents(flow.runnerOnTaskCancelling, onTaskCancelling(inFlight), {
    slots: cancelSlots,
    scope: { host },
    stop: drained.signal,
    abort,
  });
  await Promise.all([working.finally(() => drained.abort()), cancelling]);
}
