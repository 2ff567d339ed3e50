/** What a pool is to have ready: what its configuration says, and what pipelines will want there soon. */

import type { Drivers } from '@vm-task/hypervisor/drivers/drivers';
import type { PoolConfig } from '@vm-task/hypervisor/pool-config';
import { isSameClass, type VmClass } from '@vm-task/hypervisor/vm-class';
import type { Logger } from '@vm-task/service/log';
import { errorInfo } from '@vm-task/shared/errors';
import type { Expectation, ExpectedVms } from './expected-vms.ts';
import type { Preparations } from './preparations.ts';
import type { WarmStock } from './warm-plan.ts';

export interface StockContext {
  readonly pool: string;
  readonly config: PoolConfig;
  readonly drivers: Drivers;
  readonly preparations: Preparations;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

export interface Stock extends WarmStock {
  readonly expectations: readonly Expectation[];
}

/** The pool's own class comes first. An expectation that cannot be met is given up: its task will be told why. */
export async function stockOf(
  context: StockContext,
  expected: ExpectedVms,
  expectations: readonly Expectation[],
): Promise<Stock[]> {
  const { config, drivers } = context;
  if (!drivers.get(config.driver).capabilities.warm) return [];
  const stock = await ownStock(context);
  for (const expectation of expectations) {
    const vmClass = await classOf(context, expectation, expected);
    if (vmClass === null) continue;
    const known = stock.findIndex((one) => isSameClass(one.vmClass, vmClass));
    const before = stock[known] ?? { vmClass, make: 0, keep: 0, expectations: [] };
    const more = { ...before, make: before.make + (expectation.isMade ? 0 : 1), keep: before.keep + 1 };
    stock.splice(known < 0 ? stock.length : known, 1, { ...more, expectations: [...before.expectations, expectation] });
  }
  return stock;
}

async function ownStock({ pool, config, drivers, preparations, stop }: StockContext): Promise<Stock[]> {
  const { image, sizes } = drivers.describe(pool, config);
  const [size] = sizes;
  if (size === undefined || config.warm === 0) return [];
  const { vmClass } = await preparations.offer(pool, { image, size, egress: 'none' }, stop);
  return [{ vmClass, make: config.warm, keep: config.warm, expectations: [] }];
}

async function classOf(
  { pool, preparations, log, stop }: StockContext,
  expectation: Expectation,
  expected: ExpectedVms,
): Promise<VmClass | null> {
  const { image, size, egress, stage } = expectation.vm;
  try {
    return (await preparations.offer(pool, { image, size, egress }, stop)).vmClass;
  } catch (error) {
    stop.throwIfAborted();
    log.info({ stage, reason: errorInfo(error).message }, 'no VM can be made ready for a stage');
    expected.giveUp(expectation);
    return null;
  }
}
