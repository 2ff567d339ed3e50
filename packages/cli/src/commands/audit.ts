/** `vm-task audit`: host, ledger and log compared now, by the same code as the reaper's. */
import { type Audit, audit as compare, type Finding, taskLog } from '@vm-task/hypervisor/audit';
import { createHypervisor } from '@vm-task/hypervisor/driver';
import { createBus } from '@vm-task/shared/bus/bus';
import { openConnection } from '@vm-task/shared/bus/connection';
import type { Environment, SystemConfig } from '@vm-task/shared/config';
import { readBrokerAddress } from '@vm-task/shared/credentials';
import { VmTaskError } from '@vm-task/shared/errors';
import { silentLogger } from '@vm-task/shared/log';
import { exitCodes } from '../exit-codes.ts';
import { print, printJson } from '../screen/print.ts';
import { table } from '../screen/table.ts';
import { readState } from '../system/state.ts';

interface AuditOptions {
  readonly environment: Environment;
  readonly config: SystemConfig;
  readonly json: boolean;
}

/** Exits with 1 when anything leaked. Thrown: `not-up`, because without the log nobody knows which tasks live. */
export async function audit(options: AuditOptions): Promise<number> {
  const found = await auditHome(options);
  if (options.json) printJson(found);
  else printFindings(found);
  return found.leaked.length > 0 ? exitCodes.failed : 0;
}

async function auditHome({ environment, config }: AuditOptions): Promise<Audit> {
  const { home } = environment;
  if (readState(home) === null) {
    throw new VmTaskError('not-up', `no system is up on ${home.root}; start it with ./vm-task up --detach, then audit`);
  }
  // The reaper's own rights: it is the same question.
  await using connection = await openConnection(readBrokerAddress(home, 'reaper'), 'vm-task audit');
  const bus = createBus(connection, 'vm-task/audit', silentLogger);
  return await compare(createHypervisor({ environment, config }), taskLog(bus));
}

function printFindings({ vms, leaked, missing }: Audit): void {
  print(`VMs: ${vms}, leaked: ${leaked.length}, missing: ${missing.length}`);
  const rows = (word: string, findings: readonly Finding[]) =>
    findings.map(({ kind, id, pool, task, why }) => [word, kind, id, pool, task, why]);
  const all = [...rows('leaked', leaked), ...rows('missing', missing)];
  if (all.length > 0) print(`\n${table(['', 'kind', 'id', 'pool', 'task', 'why'], all)}`);
}
