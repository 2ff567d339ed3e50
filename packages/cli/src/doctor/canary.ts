/** A task through the real system, from its submission until its VM is gone; then the audit. */
import { randomUUID } from 'node:crypto';
import type { Client } from '@vm-task/client/client';
import type { EventView, TaskView } from '@vm-task/client/views';
import { auditHome } from '@vm-task/embedded/audit-home';
import { createHomeClient } from '@vm-task/embedded/home-client';
import { loadConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { errorInfo } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { cancelOnInterrupt } from '../commands/interrupt.ts';
import { phaseNote } from '../commands/phase-note.ts';
import { untilVmGone } from '../commands/until-vm-gone.ts';
import type { Progress } from '../screen/progress.ts';
import { humanDuration } from '../screen/table.ts';
import { poolNote } from '../systems/home-system.ts';
import { type Finding, fail, pass, warn } from './check.ts';
import type { Checked } from './run-checks.ts';

/** Characters that anything on the way could spoil. */
const word = () => `金丝雀 "${randomUUID()}" $HOME \\`;

/** The task's end, and that it left nothing. Where the task did not end well, the audit is left to the check of its own. */
export async function proveByTask(environment: Environment, progress: Progress): Promise<Checked[]> {
  const canary = await runCanary(environment.home, progress).catch((error) =>
    fail(errorInfo(error).message, './vm-task status, and the checks above'),
  );
  progress.update('auditing');
  const audit = await auditAfter(environment).catch((error) => warn(`skipped: ${errorInfo(error).message}`, null));
  return [
    { name: 'canary', ...canary },
    { name: 'audit', ...audit },
  ];
}

async function runCanary(home: Home, progress: Progress): Promise<Finding> {
  const client = createHomeClient(home);
  const said = word();
  const id = await client.tasks.submit({ command: ['printf', '%s', said], labels: { doctor: 'canary' } });
  await using interrupt = cancelOnInterrupt(id, () => client.tasks.cancel(id), progress);
  const followed = await Promise.race([follow(client, home, id, progress), interrupt.left]);
  if (followed === 'left') return warn('interrupted', null);
  const view = await client.tasks.show(id);
  await Promise.race([untilVmGone(client, view, progress), interrupt.left]);
  return assessCanary(view, said);
}

async function follow(client: Client, home: Home, id: string, progress: Progress): Promise<void> {
  let last: EventView | null = null;
  const tell = () =>
    progress.update(`canary task: ${phaseNote({ poolNote: (pool) => poolNote(home, pool) }, last, null)}`);
  // An image that is built tells more than the events do.
  const refresh = setInterval(tell, 500);
  try {
    for await (const event of client.tasks.followEvents(id, new AbortController().signal)) {
      last = event;
      tell();
    }
  } finally {
    clearInterval(refresh);
  }
}

export function assessCanary({ id, outcome, result, error, timings }: TaskView, said: string): Finding {
  const look = `./vm-task show ${id}, and ./vm-task events ${id}`;
  if (outcome !== 'succeeded') return fail(`task ${id}: ${outcome}: ${error?.message ?? 'no reason is known'}`, look);
  if (result !== said) return fail(`task ${id} came back with ${JSON.stringify(result)}`, look);
  return pass(`task ${id} ran in ${humanDuration(timings.totalMs)}, and its VM is gone`);
}

async function auditAfter(environment: Environment): Promise<Finding> {
  const { vms, leaked, missing } = await auditHome(environment, loadConfig(environment.home));
  const detail = `VMs: ${vms}, leaked: ${leaked.length}, missing: ${missing.length}`;
  return leaked.length + missing.length === 0 ? pass(detail) : fail(detail, './vm-task audit says why');
}
