import { VmTaskError } from '@vm-task/shared/errors';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { Exchange } from './exchange.ts';
import { readinessProgram } from './supervisor.ts';
import { waitForSsh } from './wait-for-ssh.ts';

/** The first login reads sshd and perl from the disk, the second finds them in memory, as each clone's will. */
const logins = 2;

/**
 * Returns when the machine that boots behind `access` has come up, let us in and run a program of ours.
 * @throws `guest-failed`, `ssh-unreachable`, `ssh-host-key-mismatch`, `ssh-auth-failed`, `ssh-lost`; the signal's
 * reason when aborted.
 */
export async function proveReadiness(
  access: VmAccess,
  options: { readonly privateKey: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  for (let login = 0; login < logins; login++) {
    await using connection = await waitForSsh(access, options);
    using exchange = await Exchange.open(connection, readinessProgram, [], options.signal);
    const { kind } = await exchange.frame();
    if (kind !== 'done') throw new VmTaskError('guest-failed', `the machine answered ${JSON.stringify(kind)}`);
  }
}
