/** Nothing of a home is left running: services, nats-server, VMs. Used by `up` at its end and start, and by `down`. */
import { createHypervisor } from '@vm-task/hypervisor/create-hypervisor';
import type { SystemConfig } from '@vm-task/service/config';
import type { Environment } from '@vm-task/shared/environment';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { Role } from '@vm-task/shared/roles';
import { logWritersOf, processesOf, stopProcess, waitGone } from './processes.ts';

/** Ends what an earlier supervisor of this role that was killed has left behind. Services last no longer than their drain. */
export async function stopProcesses(home: Home, graceMs: number, role: Role = 'all'): Promise<number> {
  const left = processesOf(home, role);
  await Promise.all(left.map((process) => stopProcess(process, graceMs)));
  return left.length;
}

/** Storing the last lines takes milliseconds. */
const lastLinesMs = 5_000;

/** Resolves when the logs of a home whose processes have ended are complete. */
export async function untilLogsStored(home: Home): Promise<void> {
  await Promise.all(logWritersOf(home).map((writer) => waitGone(writer, lastLinesMs)));
}

/**
 * Destroys every VM of the home, warm ones and those of tasks in flight, and what carries its mark besides. @throws when
 * something is left, after everything has been tried: `vm-not-gone`, `ledger-unreadable`. The reaper of the next `up`
 * tries again.
 */
export async function destroyVms(environment: Environment, config: SystemConfig): Promise<number> {
  const hypervisor = createHypervisor({ environment, config });
  const vms = await hypervisor.list();
  const ends = await Promise.allSettled(
    vms.map(({ record }) => hypervisor.destroy(record.vm, 'the system was taken down')),
  );
  const unreadable = await hypervisor.unreadable();
  const strays = await hypervisor.strays();
  const removals = await Promise.allSettled(strays.map((stray) => hypervisor.removeStray(stray)));
  const [failure] = [...ends, ...removals].filter((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  if (unreadable.length > 0) throw new VmTaskError('ledger-unreadable', unreadable.map(({ why }) => why).join('; '));
  return vms.length + strays.length;
}
