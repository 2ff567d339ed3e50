/** The audit; without the log, what this home's ledger and host show by themselves. */

import { auditWith } from '@vm-task/embedded/audit-home';
import { processesOf } from '@vm-task/embedded/processes';
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import { type Check, type Finding, fail, NotCheckable, pass } from './check.ts';
import type { Context } from './context.ts';

export const leaks: Check = {
  name: 'leaks',
  limitMs: 30_000,
  look: (context) => (context.state === null ? lookWithoutSystem(context) : look(context)),
};

async function look({ environment, config, connect }: Context): Promise<Finding> {
  const connection = await connect('reaper', ['EVENTS']);
  const { vms, leaked, missing, unreadable } = await auditWith(connection, environment, config());
  const all = [
    ...leaked.map((one) => ({ ...one, word: 'leaked' })),
    ...missing.map((one) => ({ ...one, word: 'missing' })),
    ...unreadable.map((one) => ({ ...one, word: 'unreadable' })),
  ];
  if (all.length === 0) return pass(`VMs: ${vms}, leaked: 0, missing: 0`);
  const detail = all.map(({ word, kind, id, why }) => `${word} ${kind} ${id}: ${why}`).join('; ');
  return fail(detail, 'the reaper removes it when it can; what keeps it is in ./vm-task audit, and docs/operating.md');
}

async function lookWithoutSystem({ environment, config }: Context): Promise<Finding> {
  if (processesOf(environment.home).length > 0) throw new NotCheckable('nobody supervises the system; see services');
  const hypervisor = createHypervisor({ environment, config: config() });
  const left = (await hypervisor.list()).length + (await hypervisor.strays()).length;
  if (left === 0) return pass('the system is not up, and nothing of it is left');
  return fail(`the system is not up, and ${left} VMs or parts of them are left`, './vm-task down removes them');
}
