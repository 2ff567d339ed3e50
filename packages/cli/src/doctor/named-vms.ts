/** Every named VM, logged in to as the driver does: its own key, and the pinned host key. */
import { createHypervisor } from '@vm-task/hypervisor/driver';
import type { MachineState } from '@vm-task/hypervisor/hypervisor';
import { type Check, fail, pass, warn } from './check.ts';

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
    const weaker = states.flatMap(({ name, state }) =>
      state.kind === 'there' && state.weaker !== null ? [`${name}: ${state.weaker}`] : [],
    );
    const names = states.map(({ name }) => name).join(', ');
    return weaker.length > 0
      ? warn(weaker.join('; '), 'set that up on the machine; tasks work there without it, too')
      : pass(`${names} answer, as themselves`);
  },
};

/** Whoever asks for one thing lets go of the rest. */
async function firstOf(states: AsyncIterable<MachineState>): Promise<MachineState> {
  for await (const state of states) return state;
  return { kind: 'away', reason: 'it did not answer in time' };
}
