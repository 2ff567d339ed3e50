/** The runner with everything it needs given to it: for the service, for tests, and for benchmarks without a VM. */
import type { Bus } from '@vm-task/bus/bus';
import type { SystemConfig } from '@vm-task/service/config';
import type { Logger } from '@vm-task/service/log';
import { flow } from '@vm-task/shared/flow';
import type { Home } from '@vm-task/shared/home';
import type { IsVmAlive } from './contact.ts';
import type { ConnectGuest } from './guest.ts';
import { AttemptsInHand, followCancelling } from './on-task-cancelling.ts';
import { onVmReady } from './on-vm-ready.ts';

export interface RunnerParts {
  readonly bus: Bus;
  readonly config: SystemConfig;
  readonly home: Home;
  readonly host: string;
  readonly log: Logger;
  /** Aborted at the beginning of a drain: no attempt is taken any more. */
  readonly stop: AbortSignal;
  /** Aborted at its end: attempts in hand are left to the next runner, and their processes run on. */
  readonly abort: AbortSignal;
  readonly connect: ConnectGuest;
  readonly isVmAlive: IsVmAlive;
}

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
