/**
 * Stands in for the guest's: the sshd behind every stand-in machine is one of this host, whose clock and names are not
 * to be altered. It learns the login key, over the port that a guest has for it.
 */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Identity, IdentityOptions } from '@vm-task/guest/identity';
import { generateSshKey } from '@vm-task/guest/keys';
import type { VmAccess } from '@vm-task/shared/vm-access';

export function newIdentity(hostname: string): Identity {
  return { machineId: '0'.repeat(32), hostname, hostKey: generateSshKey(), loginKey: generateSshKey() };
}

export async function takeIdentity(
  port: Duplex,
  { loginKey }: Identity,
  { access, signal }: IdentityOptions,
): Promise<{ readonly access: VmAccess }> {
  try {
    port.write(`${loginKey.publicKey}\n`);
    await once(port, 'data', { signal });
    return { access };
  } finally {
    port.destroy();
  }
}
