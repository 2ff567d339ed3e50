/** What this host says of itself, again and again: its lease. */
import { access, constants, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@vm-task/bus/connection';
import { readHostKey } from '@vm-task/bus/host-key';
import { renewLease } from '@vm-task/bus/host-leases';
import type { Hypervisor } from '@vm-task/hypervisor/hypervisor';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import type { SystemConfig } from '@vm-task/service/config';
import type { Logger } from '@vm-task/service/log';
import { version } from '@vm-task/service/version';
import type { Home } from '@vm-task/shared/home';
import type { HostLease } from '@vm-task/shared/host-lease';

const everyMs = 5_000;

export interface Leasing {
  readonly host: string;
  readonly home: Home;
  readonly config: Pick<SystemConfig, 'pools' | 'host'>;
  readonly hypervisor: Pick<Hypervisor, 'list' | 'unreadable'>;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

/** Renews the lease until `stop`, and says at the end that this host takes no more. */
export async function keepLease(connection: Connection, leasing: Leasing): Promise<void> {
  const { log, stop } = leasing;
  const renew = async (draining: boolean) => {
    await leaseOf(leasing, draining)
      .then((lease) => renewLease(connection, lease))
      .catch((error) => log.warn({ err: error }, "this host's entry could not be renewed; trying again"));
  };
  while (!stop.aborted) {
    await renew(false);
    await delay(everyMs, undefined, { signal: stop }).catch(() => undefined);
  }
  await renew(true);
}

export async function leaseOf(
  { host, home, config, hypervisor }: Pick<Leasing, 'host' | 'home' | 'config' | 'hypervisor'>,
  draining: boolean,
): Promise<HostLease> {
  const key = readHostKey(home);
  const [states, unreadable, disk, kvm] = await Promise.all([
    hypervisor.list(),
    hypervisor.unreadable(),
    statfs(home.root),
    hasKvmDevice(),
  ]);
  return {
    v: 1,
    host,
    version,
    draining,
    maxVms: config.host.maxVms,
    pools: Object.entries(config.pools).map(([name, { driver, max }]) => ({ name, driver, max })),
    vms: states.map(vmOf),
    unreadableVms: unreadable.length,
    diskFreeBytes: disk.bavail * disk.bsize,
    memoryFreeBytes: freemem(),
    memoryBytes: totalmem(),
    processors: availableParallelism(),
    kvm,
    load: loadavg(),
    ...(key === null ? {} : { secretsKey: key.publicKey }),
  };
}

function hasKvmDevice(): Promise<boolean> {
  return access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

function vmOf(state: VmState): HostLease['vms'][number] {
  const { vm, pool, createdAt, deadline } = state.record;
  const claim = state.phase === 'claimed' || state.phase === 'ending' ? state.claim : null;
  return {
    vm,
    pool,
    state: state.phase,
    task: claim?.task ?? null,
    createdAt,
    deadline: (claim ?? { deadline }).deadline.at,
  };
}
