/**
 * The walls around a QEMU: namespaces of its own for network, mounts, processes, IPC and host name, a root folder with
 * nothing in it but programs and the VM's own files, no capability, and limits. The same in both egress modes.
 *
 * - `inside.ts`: the last steps, from a network namespace to the program behind its walls
 * - `alone.ts`: a network namespace that nothing joins (egress none), and the one port that leads into it
 * - `joined.ts`: a network namespace that pasta joins to the host's network (egress internet)
 * - `hold-port.ts`: that port, listening before anything is started
 * - `limits.ts`: what the program may use
 * - `options.ts`: what it is given
 * - `probe.ts`: whether this host can do all that
 */
import { aloneProgram } from './alone.ts';
import { joinedProgram } from './joined.ts';
import type { Jailed, JailOptions } from './options.ts';

/** The command line that runs the program behind its walls. Every process of it ends when one of them does. */
export async function jailed(program: readonly string[], options: JailOptions): Promise<Jailed> {
  return options.egress === 'none' ? aloneProgram(program, options) : await joinedProgram(program, options);
}
