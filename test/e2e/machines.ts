/**
 * Named VMs for a test: clones of `base` that run on, with a home of their own, and are reached like anybody's machine.
 * Lent with `await using`; gone at the end.
 */
import type { Size } from '@vm-task/shared/sizes';
import { lendVms, smallClass } from './vms.ts';

export interface Machines extends AsyncDisposable {
  /** For `pools` of a configuration: one for each name. */
  readonly pools: Readonly<Record<string, object>>;
  /** What the command prints, run there by the system's own ssh. */
  ssh(name: string, command: string): Promise<string>;
}

/** `share`: what a task may use of each of them. */
export async function lendMachines(names: readonly string[], size: Size, share: Size = size): Promise<Machines> {
  await using made = new AsyncDisposableStack();
  const vms = made.use(await lendVms({ max: names.length }));
  await vms.hypervisor.prepare({ ...smallClass, size }, () => {}, new AbortController().signal);
  const ready = await Promise.all(names.map(async (name) => [name, await vms.ready({ ...smallClass, size })] as const));
  const machines = new Map(ready);
  const pools = ready.map(([name, { id, access }]) => {
    return [name, { driver: 'ssh', ...access, key: vms.home.vm(id).sshKey, size: share }] as const;
  });
  const all = made.move();
  return {
    pools: Object.fromEntries(pools),
    async ssh(name, command) {
      const vm = machines.get(name);
      if (vm === undefined) throw new Error(`there is no machine ${name}`);
      return vms.ssh(vm, command);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
