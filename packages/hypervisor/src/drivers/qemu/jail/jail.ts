/**
 * The walls around a QEMU: namespaces of its own for network, mounts, processes, IPC and host name, a root folder with
 * nothing in it but programs and the VM's own files, no capability, and limits. The same whatever the VM's egress is.
 *
 * - `inside.ts`: the last steps, from a network namespace to the program behind its walls
 * - `alone.ts`: a network namespace that nothing joins (egress none), and the one port that leads into it
 * - `joined.ts`: a network namespace that is joined to the host's network (egress internet)
 * - `named.ts`: one from which some names are reached (egress by name), and `gate.ts`, what is in between
 * - `pasta.ts`: how a namespace is joined to the host's network, and where that does not lead
 * - `hold-port.ts`: that port, listening before anything is started
 * - `limits.ts`: what the program may use
 * - `options.ts`: what it is given
 * - `probe.ts`: whether this host can do all that
 */
import { aloneProgram } from './alone.ts';
import { joinedProgram } from './joined.ts';
import { namedProgram } from './named.ts';
import type { Jailed, JailOptions } from './options.ts';

/** The command line that runs the program behind its walls. Every process of it ends when one of them does. */
export async function jailed(program: readonly string[], options: JailOptions): Promise<Jailed> {
  const { wayOut } = options;
  if (wayOut.kind === 'none') return aloneProgram(program, options);
  if (wayOut.kind === 'names') return await namedProgram(program, options, wayOut);
  return await joinedProgram(program, options, wayOut.denied);
}
