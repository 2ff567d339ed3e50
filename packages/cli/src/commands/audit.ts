/** `vm-task audit`: host, ledger and log compared now, by the same code as the reaper's. */

import { auditHome } from '@vm-task/embedded/audit-home';
import type { Audit, Finding } from '@vm-task/reaper/audit';
import type { SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { exitCodes } from '../exit-codes.ts';
import { print, printJson } from '../screen/print.ts';
import { table } from '../screen/table.ts';

interface AuditOptions {
  readonly environment: Environment;
  readonly config: SystemConfig;
  readonly json: boolean;
}

/** Exits with 1 when anything leaked, or cannot be read. @throws `not-up`. */
export async function audit({ environment, config, json }: AuditOptions): Promise<number> {
  const found = await auditHome(environment, config);
  if (json) printJson(found);
  else printFindings(found);
  return found.leaked.length + found.unreadable.length > 0 ? exitCodes.failed : 0;
}

function printFindings({ vms, leaked, missing, untold, unreadable }: Audit): void {
  print(`VMs: ${vms}, leaked: ${leaked.length}, missing: ${missing.length}`);
  const rows = (word: string, findings: readonly Finding[]) =>
    findings.map(({ kind, id, pool, task, why }) => [word, kind, id, pool, task, why]);
  const all = [
    ...rows('leaked', leaked),
    ...rows('missing', missing),
    ...rows('untold', untold),
    ...rows('unreadable', unreadable),
  ];
  if (all.length > 0) print(`\n${table(['', 'kind', 'id', 'pool', 'task', 'why'], all)}`);
}
