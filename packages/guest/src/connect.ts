/**
 * The guest side: SSH, the job, its supervisor in the guest, identity. The only package that knows ssh2.
 *
 * - connect.ts, wait-for-ssh.ts: a connection with the host key pinned; ssh-errors.ts: ssh2's errors become ours
 * - request.ts, frames.ts: one framed stream to the one constant command, framed answers back
 * - supervisor.pl: what runs in the guest, sent along with each request (I8, I11, I13)
 * - job.ts, job-environment.ts, encode-job.ts: what a job is; run-job.ts, stop-job.ts: the verbs
 * - identity.ts: a clone gets an identity of its own and proves it (I12)
 * - artifacts/: files of the guest, by SFTP; mask.ts: secrets out of streams
 *
 * Unknown is never success (I9): each of these throws, or says `lost`, when it cannot know.
 */
import type { VmAccess } from '@vm-task/shared/vm-access';
import type { Client } from 'ssh2';

export interface ConnectOptions {
  /** The login's private key, OpenSSH format. */
  readonly privateKey: string;
  readonly signal: AbortSignal;
  /** From the first packet to a login that works; a server that accepts and hangs is given up then. */
  readonly handshakeMs?: number;
}

export interface GuestConnection extends AsyncDisposable {
  readonly access: VmAccess;
  /** For this package alone. */
  readonly client: Client;
}

/**
 * A connection to exactly the machine that has the pinned host key.
 * Thrown: `ssh-unreachable`, `ssh-host-key-mismatch`, `ssh-auth-failed`; the signal's reason when aborted.
 */
export async function connect(_access: VmAccess, _options: ConnectOptions): Promise<GuestConnection> {
  throw new Error('soon');
}
