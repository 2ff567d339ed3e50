/** The provisioner at work, over whatever bus and hypervisor it is given. */

import { openBrokerClock } from '@vm-task/bus/broker-clock';
import type { Bus } from '@vm-task/bus/bus';
import { readCreated } from '@vm-task/bus/find-task';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import type { PoolConfig } from '@vm-task/hypervisor/pool-config';
import type { SystemConfig } from '@vm-task/service/config';
import type { Logger } from '@vm-task/service/log';
import { flow } from '@vm-task/shared/flow';
import { runnerPatienceMs } from '@vm-task/shared/time-limits';
import { type ClaimsLeft, reportAbandonedClaims } from './abandoned-claims.ts';
import { Capacity, type CapacityLimits } from './capacity.ts';
import { Machine } from './machine.ts';
import { onDueRetry, type RetryProvisioning } from './on-due-retry.ts';
import { onTaskCompleted } from './on-task-completed.ts';
import { onTaskCreated } from './on-task-created.ts';
import { onTaskRetrying } from './on-task-retrying.ts';
import { Preparations, type TellProgress } from './preparations.ts';
import { provideVm } from './provide-vm.ts';
import { keepWarm } from './warm-keeper.ts';

export interface ProvisionerOptions {
  readonly bus: Bus;
  readonly hypervisor: Hypervisor;
  readonly config: Pick<SystemConfig, 'pools' | 'drivers' | 'host' | 'cancel'>;
  readonly host: string;
  readonly log: Logger;
  /** Aborted: take no task and begin no VM any more. */
  readonly stop: AbortSignal;
  /** Aborted: give up what is in flight. */
  readonly abort: AbortSignal;
  readonly tellProgress: TellProgress;
}

/**
 * Removing a VM is a wait, for the host and for the broker, and until it is over its place is taken: with few at once a
 * burst of ends holds up the tasks that wait for capacity. One that hangs holds up nobody.
 */
const releasesAtOnce = 64;
/** Each may wait for capacity, and none holds up another. */
const boundAtOnce = 64;

/** Works until `stop`; resolves when nothing is in flight any more. Warm VMs stay, for the next provisioner. */
export async function startProvisioner(options: ProvisionerOptions): Promise<void> {
  const { bus, hypervisor, config, host, stop, abort, tellProgress } = options;
  const clock = await openBrokerClock(() => bus.now(), abort);
  const limitsOf = (pool: string): CapacityLimits => ({
    poolMax: config.pools[pool]?.max ?? 0,
    hostMax: config.host.maxVms,
  });
  const capacity = new Capacity(() => hypervisor.list(), limitsOf);
  const preparations = new Preparations(hypervisor, tellProgress, stop);
  const { drivers } = config;
  const shared = {
    ...options,
    clock,
    capacity,
    preparations,
    drivers,
    runnerPatienceMs: runnerPatienceMs(config),
  };
  const findCreated: RetryProvisioning['findCreated'] = (key) => readCreated(bus.connection, key);
  const created = onTaskCreated(shared, limitsOf);
  const due = onDueRetry({ ...shared, limitsOf, findCreated });
  const workPool = async ([pool, poolConfig]: [string, PoolConfig]) => {
    const limits = limitsOf(pool);
    const machine = new Machine({ ...options, pool });
    const unasked: ClaimsLeft = {
      ...shared,
      pool,
      findCreated,
      provide: (attempt) => provideVm({ ...shared, limits }, attempt, { signal: abort, capacityWaitMs: 0 }),
    };
    await Promise.all([
      machine.watch(),
      bus.workEvents(flow.provisionerOnTaskCreated, created, {
        slots: poolConfig.max,
        scope: { pool },
        admit: async (signal) => {
          await machine.there(signal);
          return capacity.admit(pool, signal);
        },
        stop,
        abort,
      }),
      bus.workMessages(flow.provisionerOnDueRetry, due, {
        slots: poolConfig.max,
        scope: { pool },
        stop,
        abort,
      }),
      reportAbandonedClaims(unasked),
      keepWarm({ ...shared, pool, config: poolConfig, limits }),
    ]);
  };
  // What must run here is not admitted before it is pulled: a VM that was kept for it is its capacity.
  const here = { slots: boundAtOnce, scope: { host }, stop, abort };
  const releasing = { bus, hypervisor, host, capacity };
  const releases = { slots: releasesAtOnce, scope: { host }, past: true, stop, abort };
  await Promise.all([
    ...Object.entries(config.pools).map(workPool),
    bus.workEvents(flow.provisionerOnTaskCreatedHere, created, here),
    bus.workMessages(flow.provisionerOnDueRetryHere, due, here),
    bus.workEvents(flow.provisionerOnTaskCompleted, onTaskCompleted(releasing), releases),
    bus.workEvents(flow.provisionerOnTaskRetrying, onTaskRetrying(releasing), releases),
  ]);
  await preparations.ended();
}
