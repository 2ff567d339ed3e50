/** The audit of one home, with the reaper's own rights: it is the same question. */
import { type Audit, audit, taskLog } from '@vm-task/hypervisor/audit';
import { createHypervisor } from '@vm-task/hypervisor/driver';
import { createBus } from '@vm-task/shared/bus/bus';
import { type Connection, openConnection } from '@vm-task/shared/bus/connection';
import type { Environment, SystemConfig } from '@vm-task/shared/config';
import { readBrokerAddress } from '@vm-task/shared/credentials';
import { VmTaskError } from '@vm-task/shared/errors';
import { readHostId } from '@vm-task/shared/host-id';
import { silentLogger } from '@vm-task/shared/log';
import { readState } from './state.ts';

/** Thrown: `not-up`, because without the log nobody knows which tasks live. */
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
