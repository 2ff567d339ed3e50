/**
 * How to reach one VM: what the provisioner promises in `vm.ready` and what the runner connects with.
 * The private key is not here: it stays on the host, in the VM's folder.
 */
import { z } from 'zod';

/** The one host key that may answer, as in `known_hosts`: `ssh-ed25519 AAAA…`. */
export const hostKeySchema = (error: string) => z.string({ error }).regex(/^ssh-ed25519 [A-Za-z0-9+/=]+$/, error);

export const vmAccessSchema = z.strictObject({
  host: z.string(),
  port: z.int().min(1).max(65_535),
  user: z.string(),
  hostKey: hostKeySchema('must be "ssh-ed25519 AAAA…"'),
});

export type VmAccess = z.infer<typeof vmAccessSchema>;

/** The login as one word: the same for the same user of the same machine, and for nobody else. */
export function loginKey({ host, port, user, hostKey }: VmAccess): string {
  return `${user}@${host}:${port} ${hostKey}`;
}
