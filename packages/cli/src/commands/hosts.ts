/** `host list`: who has VMs, as the hosts say themselves. */
import { print, printJson } from '../screen/print.ts';
import { table } from '../screen/table.ts';
import type { Common } from './tasks.ts';

export async function listHosts({ system, json }: Common): Promise<void> {
  const { hosts } = await system.client.hosts.list();
  if (json) return printJson({ hosts });
  const rows = hosts.map(({ name, ageMs, lease }) => {
    const heard = `${Math.round(ageMs / 1_000)} s ago`;
    if (lease === null) return [name, heard, null, null, null, null, null, null, null];
    const { vms, maxVms, pools, version, draining, diskFreeBytes, memoryFreeBytes, load, processors, kvm } = lease;
    return [
      name,
      heard,
      draining ? 'draining' : 'at work',
      `${vms.length} of ${maxVms}`,
      pools.map((pool) => pool.name).join(', '),
      `${GiB(diskFreeBytes)} disk, ${GiB(memoryFreeBytes)} memory`,
      `${(load[0] ?? 0).toFixed(1)} of ${processors}`,
      kvm ? 'yes' : 'no',
      version,
    ];
  });
  print(table(['host', 'heard of', 'state', 'VMs', 'pools', 'free', 'load', '/dev/kvm', 'version'], rows));
}

const GiB = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
