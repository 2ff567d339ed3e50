/** A guest without a VM: OpenSSH's sshd on loopback, as an ordinary process with a home of its own. */
import type { VmAccess } from '@vm-task/shared/vm-access';

export interface SshGuest extends AsyncDisposable {
  readonly access: VmAccess;
  /** The login's private key. */
  readonly privateKey: string;
  /** The login's home: where relative paths start. */
  readonly home: string;
  /** Cuts every connection as a crash does; new ones are accepted, and jobs go on. */
  dropConnections(): Promise<void>;
  /** Stops answering without closing anything, until `resume`. */
  freeze(): void;
  resume(): void;
  /** Processes of jobs that run in this guest. */
  jobProcesses(): readonly number[];
}

/**
 * A guest that answers. Disposing it is the end of the machine: sshd, sessions and jobs are gone when it returns,
 * and it throws when they are not.
 */
export async function startSshGuest(): Promise<SshGuest> {
  throw new Error('soon');
}
