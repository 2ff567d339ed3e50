/** A service that was replaced because its event loop stood still: people are told by an alert. */
import { createBus } from '@vm-task/bus/bus';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import { silentLogger } from '@vm-task/service/log';
import { anyHost } from '@vm-task/shared/events';
import type { Home } from '@vm-task/shared/home';
import { type Role, type ServiceName, works } from '@vm-task/shared/roles';

export interface BlockedService {
  readonly name: ServiceName;
  readonly pid: number;
  readonly why: string;
}

/** Stores the alert. @throws as `openConnection`: without a broker, only the log says it. */
export async function reportBlocked(home: Home, role: Role, blocked: BlockedService, stop: AbortSignal): Promise<void> {
  const { name, pid, why } = blocked;
  // The hosts' side may have credentials of its own only.
  const [user, host] = works(role, 'control')
    ? (['system', anyHost] as const)
    : (['provisioner', readHostId(home)] as const);
  await using connection = await openConnection(readBrokerAddress(home, user), 'vm-task up');
  const text = `${name} was killed and is started again, because ${why}; its log is in ${home.logs}`;
  const data = { v: 1 as const, severity: 'critical' as const, kind: 'service-blocked', id: `${name}-${pid}`, text };
  await createBus(connection, 'vm-task/up', silentLogger).announce({ type: 'alert.raised', data, host }, stop);
}
