/** Nothing of a home is left running: services, nats-server, VMs. Used by `up` at its end and start, and by `down`. */
import { createHypervisor } from '@vm-task/hypervisor/driver';
import type { Environment, SystemConfig } from '@vm-task/shared/config';
import type { Home } from '@vm-task/shared/home';
import { processesOf, stopProcess } from './processes.ts';

/** Ends what an earlier supervisor that was killed has left behind. Services last no longer than their drain. */
export async function stopProcesses(home: Home, graceMs: number): Promise<number> {
  const left = processesOf(home);
  await Promise.all(left.map((process) => stopProcess(process, graceMs)));
  return left.length;
}

/** Destroys every VM of the home, warm ones and those of tasks in hand, and what carries its mark besides. */
export async function destroyVms(environment: Environment, config: SystemConfig): Promise<number> {
  const hypervisor = createHypervisor({ environment, config });
  const vms = await hypervisor.list();
  await Promise.all(vms.map((vm) => hypervisor.destroy(vm.record.vm, 'the system was taken down')));
  const strays = await hypervisor.strays();
  for (const stray of strays) await hypervisor.removeStray(stray);
  return vms.length + strays.length;
}
