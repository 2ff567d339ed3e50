/** Every named VM, logged in to as the driver does: its own key, and the pinned host key. */
import { createHypervisor } from '@vm-task/hypervisor/driver';
import type { MachineState } from '@vm-task/hypervisor/hypervisor';
import { type Check, fail, pass } from './check.ts';

export const namedVms: Check = {
  name: 'named-vms',
  // A login is given 15 s.
  limitMs: 20_000,
  async look({ environment, config }, signal) {
    const pools = Object.entries(config().pools).filter(([, { driver }]) => driver === 'ssh');
    if (pools.length === 0) return pass('none is configured');
    const hypervisor = createHypervisor({ environment, config: config() });
    const states = await Promise.all(
      pools.map(async ([name]) => ({ name, state: await firstOf(hypervisor.watch(name, signal)) })),
    );
    const away = states.flatMap(({ name, state }) => (state.kind === 'away' ? [`${name}: ${state.reason}`] : []));
    const file = environment.home.config;
    if (away.length > 0)
      return fail(away.join('; '), `correct host, port, user, key or hostKey in ${file}, or the machine`);
    // What does not hold on a machine is a property of it, which its owner knows and may want.
    const described = states.map(({ name, state }) =>
      state.kind === 'there' && state.weaker !== null ? `${name} (${state.weaker})` : name,
    );
    return pass(`${described.join(', ')}: as themselves`);
  },
};

/** Whoever asks for one thing lets go of the rest. */
async function firstOf(states: AsyncIterable<MachineState>): Promise<MachineState> {
  for await (const state of states) return state;
  return { kind: 'away', reason: 'it did not answer in time' };
}
