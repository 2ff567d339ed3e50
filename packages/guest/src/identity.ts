/** A fresh clone becomes a machine of its own (I12). */
import type { VmAccess } from '@vm-task/shared/vm-access';
import type { SshKey } from './keys.ts';

export interface Identity {
  /** 32 of 0-9 and a-f. */
  readonly machineId: string;
  readonly hostname: string;
  readonly hostKey: SshKey;
  /** The only key that gets in from now on. */
  readonly loginKey: SshKey;
}

/** What the guest itself said over a connection with the new host key pinned. */
export interface ProvenIdentity {
  readonly access: VmAccess;
  readonly machineId: string;
  readonly hostname: string;
  /** The guest's clock minus the host's, at most the time of one round trip off. */
  readonly clockOffsetMs: number;
  /** SHA-256 of 64 bytes that its random pool gave after reseeding, hexadecimal. */
  readonly randomSha256: string;
  readonly timings: {
    readonly connectMs: number;
    readonly applyMs: number;
    readonly reconnectMs: number;
    readonly proveMs: number;
  };
}

/** Unpredictable, and different from every other one: keys, machine-id. */
export function newIdentity(_hostname: string): Identity {
  throw new Error('soon');
}

/**
 * Gives the clone that answers at `access` (host key and login key of its snapshot) an identity of its own: clock,
 * random pool, host key, machine-id, host name, login key. Returns once it has proved all of it to a second
 * connection. Thrown: `identity-failed` with what did not hold; as `connect`.
 */
export async function takeIdentity(
  _access: VmAccess,
  _identity: Identity,
  _options: { readonly snapshotKey: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ProvenIdentity> {
  throw new Error('soon');
}
