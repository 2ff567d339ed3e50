import type { VmAccess } from '@vm-task/shared/vm-access';
import type { GuestConnection } from './connect.ts';
import { Exchange } from './exchange.ts';
import { bare, type Field } from './frames.ts';
import { jobSocket, readinessProgram, waitingProgram } from './supervisor.ts';
import { waitForSsh } from './wait-for-ssh.ts';

/** The first login reads sshd and perl from the disk, the second finds them in memory, as each clone's will. */
const logins = 2;

/**
 * Returns when the machine that boots behind `access` has come up, let us in, run a program of ours, and has the one
 * waiting that gives each of its clones an identity (`identity.ts`) and takes its jobs. Nobody gets in any more then.
 * @throws `guest-failed`, `ssh-unreachable`, `ssh-host-key-mismatch`, `ssh-auth-failed`, `ssh-lost`; the signal's
 * reason when aborted.
 */
export async function proveReadiness(
  access: VmAccess,
  options: { readonly privateKey: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  for (let login = 0; login < logins; login++) {
    await using connection = await waitForSsh(access, options);
    await run(connection, readinessProgram, [], options.signal);
    if (login === logins - 1) await run(connection, waitingProgram, [['socket', jobSocket]], options.signal);
  }
}

async function run(
  connection: GuestConnection,
  program: Buffer,
  fields: readonly Field[],
  signal: AbortSignal,
): Promise<void> {
  using exchange = await Exchange.open(connection, program, fields, signal);
  await exchange.frame({ done: bare });
}
