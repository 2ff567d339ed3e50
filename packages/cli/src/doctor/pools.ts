/** Pools that have had no VM to give for long. */
import { stat } from 'node:fs/promises';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import type { SystemConfig } from '@vm-task/service/config';
import type { Home } from '@vm-task/shared/home';
import { type Check, type Finding, fail, pass, warn } from './check.ts';

/** Where nobody got a VM for so long, tasks run into their queue's timeout of 10 m, unless they chose another. */
const longMs = 10 * 60_000;

/** VMs come and go in seconds: one that has taken so long is stuck. */
const settlingMs = 60_000;

/** A VM that is not to be had. */
export interface Taken {
  readonly pool: string;
  readonly sinceMs: number;
}

export const pools: Check = {
  name: 'pools',
  limitMs: 20_000,
  async look({ environment, config, now }) {
    const taken = await takenVms(environment.home, createHypervisor({ environment, config: config() }), now());
    return assessPools(config(), taken, now());
  },
};

async function takenVms(home: Home, hypervisor: Pick<Hypervisor, 'list'>, nowMs: number): Promise<Taken[]> {
  const taken = (await hypervisor.list()).map(async (state): Promise<Taken[]> => {
    const { vm, pool, createdAt } = state.record;
    switch (state.phase) {
      // It waits for the next task.
      case 'ready':
        return [];
      case 'claimed': {
        const claim = await stat(home.vm(vm).claim(1)).catch(() => null);
        return [{ pool, sinceMs: claim?.mtimeMs ?? nowMs }];
      }
      case 'creating':
      case 'ending': {
        const sinceMs = Date.parse(state.phase === 'ending' ? state.ended.since.at : createdAt);
        return nowMs - sinceMs < settlingMs ? [] : [{ pool, sinceMs }];
      }
    }
  });
  return (await Promise.all(taken)).flat();
}

/** A machine that is lent is one: that somebody has it is how it should be. */
export function assessPools(
  { pools: all, drivers, host }: Pick<SystemConfig, 'pools' | 'drivers' | 'host'>,
  taken: readonly Taken[],
  nowMs: number,
): Finding {
  const clones = Object.entries(all).filter(([, { driver }]) => drivers.get(driver).capabilities.clones);
  const limits = [
    ...clones.map(([name, { max }]) => ({
      what: `pool ${name}`,
      max,
      held: taken.filter(({ pool }) => pool === name),
    })),
    { what: 'the host', max: host.maxVms, held: taken },
  ];
  const full = limits.filter(({ max, held }) => held.length >= max);
  if (full.length === 0)
    return pass(limits.map(({ what, max, held }) => `${what}: ${held.length} of ${max}`).join(', '));
  const described = full.map(({ what, max, held }) => {
    // Since then nobody got one.
    const fullMs = nowMs - Math.max(...held.map(({ sinceMs }) => sinceMs));
    return {
      fullMs,
      text: `${what} is full: all ${max} VMs are taken, the last one ${Math.max(0, Math.round(fullMs / 1_000))} s ago`,
    };
  });
  const detail = described.map(({ text }) => text).join('; ');
  const fix = 'see ./vm-task list for what runs; cancel it, or raise `max` of the pool (`host.maxVms`) in vm-task.yaml';
  return described.some(({ fullMs }) => fullMs >= longMs) ? fail(detail, fix) : warn(detail, fix);
}
