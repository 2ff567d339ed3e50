/** The audit of one home, with the reaper's own rights: it is the same question. */

import { createBus } from '@vm-task/bus/bus';
import { type Connection, openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { readHostId } from '@vm-task/hypervisor/host/host-id';
import { type Audit, audit, taskLog } from '@vm-task/reaper/audit';
import type { SystemConfig } from '@vm-task/service/config';
import { silentLogger } from '@vm-task/service/log';
import type { Environment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import { readState } from './state.ts';

/** @throws `not-up`, because without the log nobody knows which tasks live. */
export async function auditHome(environment: Environment, config: SystemConfig): Promise<Audit> {
  const { home } = environment;
  if (readState(home) === null) {
    throw new VmTaskError('not-up', `no system is up on ${home.root}; start it with ./vm-task up --detach, then audit`);
  }
  await using connection = await openConnection(readBrokerAddress(home, 'reaper'), 'vm-task audit');
  return await auditWith(connection, environment, config);
}

export async function auditWith(
  connection: Connection,
  environment: Environment,
  config: SystemConfig,
): Promise<Audit> {
  const bus = createBus(connection, 'vm-task/audit', silentLogger);
  return await audit(createHypervisor({ environment, config }), taskLog(bus, readHostId(environment.home)));
}
