/**
 * The walls around a QEMU: namespaces of its own for network, mounts, processes, IPC and host name, a root folder with
 * nothing in it but programs and the VM's own files, no capability, and limits. The same in both egress modes.
 *
 * - `inside.ts`: the last steps, from a network namespace to the program behind its walls
 * - `alone.ts`: a network namespace that nothing joins (egress none), and the one port that leads into it
 * - `joined.ts`: a network namespace that pasta joins to the host's network (egress internet)
 * - `limits.ts`: what the program may use
 * - `probe.ts`: whether this host can do all that
 */
import type { Owner } from '../../../host/own-folder.ts';
import type { Egress } from '../../../vm-class.ts';
import type { Program } from '../start-qemu.ts';
import { aloneProgram } from './alone.ts';
import type { Inside } from './inside.ts';
import { joinedProgram } from './joined.ts';

export interface JailOptions extends Inside {
  readonly egress: Egress;
  /** Where the program listens inside, and where that is reached from on the host, on 127.0.0.1. */
  readonly port: number;
  /** Whom all of it runs as when we are root. Else null, and it runs as we do. */
  readonly owner: Owner | null;
}

/** What `startQemu` needs to start a program. */
export type Jailed = Pick<Program, 'argv' | 'runAs' | 'port'>;

/** The command line that runs the program behind its walls. Every process of it ends when one of them does. */
export async function jailed(program: readonly string[], options: JailOptions): Promise<Jailed> {
  return options.egress === 'none' ? aloneProgram(program, options) : await joinedProgram(program, options);
}
