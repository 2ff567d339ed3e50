/** What `vm-task doctor` can find out about named VMs: each is logged in to as for a task, with its key and the pinned host key. */
import type { MachineState } from '../../hypervisor.ts';
import { type Finding, fail, pass } from '../finding.ts';

export async function checkMachines(
  names: readonly string[],
  watch: (name: string) => AsyncIterable<MachineState>,
  configFile: string,
): Promise<Finding> {
  if (names.length === 0) return pass('none is configured');
  const states = await Promise.all(names.map(async (name) => ({ name, state: await firstOf(watch(name)) })));
  const away = states.flatMap(({ name, state }) => (state.kind === 'away' ? [`${name}: ${state.reason}`] : []));
  if (away.length > 0)
    return fail(away.join('; '), `correct host, port, user, key or hostKey in ${configFile}, or the machine`);
  // What does not hold on a machine is a property of it, which its owner knows and may want.
  const described = states.map(({ name, state }) =>
    state.kind === 'there' && state.weaker !== null ? `${name} (${state.weaker})` : name,
  );
  return pass(`${described.join(', ')}: as themselves`);
}

/** Whoever asks for one thing lets go of the rest. */
async function firstOf(states: AsyncIterable<MachineState>): Promise<MachineState> {
  for await (const state of states) return state;
  return { kind: 'away', reason: 'it did not answer in time' };
}
