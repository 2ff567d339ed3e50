/** Memory for all the VMs that the pools may have at once. */
import { totalmem } from 'node:os';
import type { SystemConfig } from '@vm-task/service/config';
import { type Check, type Finding, fail, pass, warn } from './check.ts';

export const memory: Check = {
  name: 'memory',
  limitMs: 5_000,
  async look({ environment: { home }, config }) {
    const mebibyte = 1024 ** 2;
    // In a control group with a limit, that is what there is.
    const totalMiB = Math.floor(Math.min(totalmem(), process.constrainedMemory() || totalmem()) / mebibyte);
    return assessMemory(config(), totalMiB, home.config);
  },
};

export function assessMemory(
  { pools, drivers, host }: Pick<SystemConfig, 'pools' | 'drivers' | 'host'>,
  totalMiB: number,
  file: string,
): Finding {
  const largest = Object.entries(pools).flatMap(([name, pool]) => {
    if (drivers.capabilitiesOf(pool.driver)?.processOnHost !== true) return [];
    const { sizes } = drivers.describe(name, pool);
    return Array<number>(pool.max).fill(Math.max(...sizes.map(({ memoryMiB }) => memoryMiB)));
  });
  const atOnce = largest.sort((a, b) => b - a).slice(0, host.maxVms);
  const neededMiB = atOnce.reduce((sum, one) => sum + one, 0);
  const [biggest = 0] = atOnce;
  const detail = `${atOnce.length} VMs may have ${neededMiB} MiB at once, and the host has ${totalMiB} MiB`;
  if (biggest > totalMiB)
    return fail(`one VM may have ${biggest} MiB, and the host has ${totalMiB} MiB`, fixIn(file, 'sizes'));
  return neededMiB > totalMiB ? warn(detail, fixIn(file, 'max')) : pass(detail);
}

function fixIn(file: string, key: 'sizes' | 'max'): string {
  return `lower \`${key}\` of a pool in ${file}`;
}
