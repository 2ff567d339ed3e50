/** Keeps a pool's warm VMs ready, for as long as the provisioner runs; they stay when it ends, for the next one. */
import { setTimeout as delay } from 'node:timers/promises';
import type { BrokerClock } from '@vm-task/bus/broker-clock';
import type { Bus } from '@vm-task/bus/bus';
import type { Drivers } from '@vm-task/hypervisor/drivers/drivers';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import { deadlineFrom, hostClock } from '@vm-task/hypervisor/ledger/deadline';
import type { PoolConfig } from '@vm-task/hypervisor/pool-config';
import type { VmClass } from '@vm-task/hypervisor/vm-class';
import type { Logger } from '@vm-task/service/log';
import { backOffMs } from '@vm-task/shared/back-off';
import { errorInfo } from '@vm-task/shared/errors';
import type { Capacity, CapacityLimits } from './capacity.ts';
import type { Preparations } from './preparations.ts';
import { retireVm } from './retire-vm.ts';
import { planWarm } from './warm-plan.ts';

export interface WarmKeeping {
  readonly pool: string;
  readonly config: PoolConfig;
  readonly drivers: Drivers;
  readonly limits: CapacityLimits;
  readonly host: string;
  readonly bus: Pick<Bus, 'announce'>;
  readonly hypervisor: Hypervisor;
  readonly preparations: Preparations;
  readonly capacity: Capacity;
  readonly clock: BrokerClock;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

/** Young enough that its clock and its memory are as they were frozen, and rare enough to cost nothing. */
const warmForMs = 60 * 60_000;

/** A VM that died without a word is noticed after so long. */
const lookEveryMs = 5_000;

/** A task that waits in the stream is pulled first when capacity comes free, and has the processor for itself. */
const settleMs = 1_000;

const pauses = { firstMs: 1_000, longestMs: 60_000 };
/** The third failure in a row is more than a hiccup. */
const alertAtFailure = 3;

/** Works until `stop`; what it is making then is gone again. */
export async function keepWarm(keeping: WarmKeeping): Promise<void> {
  const { capacity, stop, log } = keeping;
  let failures = 0;
  while (!stop.aborted) {
    const seen = capacity.changes;
    try {
      const created = await topUp(keeping);
      if (created) failures = 0;
      else await capacity.nextChange(seen, stop, lookEveryMs);
      await delay(settleMs, undefined, { signal: stop });
    } catch (error) {
      if (stop.aborted) return;
      failures += 1;
      log.warn({ err: error, pool: keeping.pool, failures }, 'no warm VM could be made');
      if (failures === alertAtFailure) await raiseAlert(keeping, error).catch(() => undefined);
      await delay(backOffMs(pauses, failures), undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

/** Replaces what is of no use and makes one VM where one is missing; true when it did. */
async function topUp(keeping: WarmKeeping): Promise<boolean> {
  const { pool, config, limits, hypervisor, preparations, capacity, clock, log, stop } = keeping;
  const vmClass = await warmClass(keeping);
  const states = await hypervisor.list();
  const looks = states.map(async ({ record }) => [record.vm, await hypervisor.isAlive(record.vm)] as const);
  const alive = new Map(await Promise.all(looks));
  const plan = planWarm(
    { pool, vmClass, warm: config.warm, limits },
    {
      states,
      isAlive: (vm) => alive.get(vm) === true,
      waiting: { pool: capacity.waitingIn(pool), host: capacity.waitingIn('any') },
      clock: hostClock(),
    },
  );
  for (const { vm, reason } of plan.replace) {
    log.info({ vm, reason }, 'replacing a warm VM');
    if (await retireVm(hypervisor, vm, reason, clock)) capacity.changed();
  }
  if (!plan.create || vmClass === null) return false;
  await preparations.vmClass(vmClass, stop);
  const nowMs = clock.nowMs();
  const outcome = await hypervisor.create(vmClass, limits, deadlineFrom(nowMs + warmForMs, nowMs), stop);
  if (outcome.kind !== 'ready') return false;
  log.info({ vm: outcome.vm.id }, 'a warm VM is ready');
  capacity.changed();
  return true;
}

/** Null for a pool that keeps none warm. */
async function warmClass({ pool, config, drivers, preparations, stop }: WarmKeeping): Promise<VmClass | null> {
  const { image, sizes } = drivers.describe(pool, config);
  const [size] = sizes;
  if (size === undefined || config.warm === 0) return null;
  return (await preparations.resolve(pool, { image, size, egress: 'none' }, stop)).vmClass;
}

async function raiseAlert({ bus, host, pool, stop }: WarmKeeping, error: unknown): Promise<void> {
  const text = `pool "${pool}" has no warm VM and goes on trying: ${errorInfo(error).message}`;
  const data = { v: 1 as const, severity: 'warning' as const, kind: 'no-warm-vm', id: pool, text };
  await bus.announce({ type: 'alert.raised', data, host }, stop);
}
