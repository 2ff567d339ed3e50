/** What the runner is given: for the service, for tests, and for benchmarks without a VM. */
import type { BrokerClock } from '@vm-task/bus/broker-clock';
import type { Bus } from '@vm-task/bus/bus';
import type { SystemConfig } from '@vm-task/service/config';
import type { Logger } from '@vm-task/service/log';
import type { Home } from '@vm-task/shared/home';
import type { IsVmAlive } from './contact.ts';
import type { ConnectGuest } from './guest.ts';

export interface RunnerParts {
  readonly bus: Bus;
  readonly config: SystemConfig;
  readonly home: Home;
  readonly host: string;
  readonly log: Logger;
  /** Aborted at the beginning of a drain: no attempt is taken any more. */
  readonly stop: AbortSignal;
  /** Aborted at its end: attempts in flight are left to the next runner, and their processes run on. */
  readonly abort: AbortSignal;
  readonly connect: ConnectGuest;
  readonly isVmAlive: IsVmAlive;
}

/** The same at work. */
export interface Running extends RunnerParts {
  readonly clock: BrokerClock;
}
