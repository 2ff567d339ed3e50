/**
 * Stands in for the guest's: the sshd behind every stand-in machine is one of this host, whose clock and names are not
 * to be altered. It learns the login key, over SSH as a guest would.
 */
import { once } from 'node:events';
import { connect } from '@vm-task/guest/connect';
import type { Identity, IdentityOptions } from '@vm-task/guest/identity';
import { generateSshKey } from '@vm-task/guest/keys';
import type { VmAccess } from '@vm-task/shared/vm-access';

export function newIdentity(hostname: string): Identity {
  return { machineId: '0'.repeat(32), hostname, hostKey: generateSshKey(), loginKey: generateSshKey() };
}

export async function takeIdentity(
  access: VmAccess,
  { loginKey }: Identity,
  { snapshotKey, signal }: IdentityOptions,
): Promise<{ readonly access: VmAccess }> {
  await using connection = await connect(access, { privateKey: snapshotKey, signal });
  const learn = `printf '\\n%s\\n' '${loginKey.publicKey}' >> "$HOME/../authorized_keys"`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  connection.client.exec(learn, (error, channel) => {
    if (error) return reject(error);
    channel.resume();
    once(channel, 'close').then(() => resolve(), reject);
  });
  await promise;
  return { access };
}
