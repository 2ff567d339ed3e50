/** Readiness by the clock, not by counting attempts of unknown length. */
import { setTimeout as delay } from 'node:timers/promises';
import { VmTaskError } from '@vm-task/shared/errors';
import type { VmAccess } from '@vm-task/shared/vm-access';
import { type ConnectOptions, connect, type GuestConnection } from './connect.ts';

/** A refused port is tried again after so long. */
const pauseMs = 25;
/** An attempt that a machine swallowed while it booted ends here; the next one may take twice as long. */
const firstHandshakeMs = 5_000;
const handshakeMaxMs = 30_000;

/**
 * The first connection that works, however often it takes until `timeoutMs` have passed.
 * @throws `ssh-unreachable` with the last reason; a wrong host key or a refused login at once, because waiting does
 * not mend them; the signal's reason when aborted.
 */
export async function waitForSsh(
  access: VmAccess,
  options: Omit<ConnectOptions, 'handshakeMs'> & { readonly timeoutMs: number },
): Promise<GuestConnection> {
  const deadline = performance.now() + options.timeoutMs;
  let patience = firstHandshakeMs;
  while (true) {
    const left = deadline - performance.now();
    try {
      const handshakeMs = Math.max(1, Math.min(patience, left));
      return await connect(access, { ...options, handshakeMs });
    } catch (error) {
      if (!(error instanceof VmTaskError && error.code === 'ssh-unreachable')) throw error;
      if (deadline - performance.now() <= pauseMs) throw gaveUp(options.timeoutMs, error);
    }
    patience = Math.min(2 * patience, handshakeMaxMs);
    await delay(pauseMs, undefined, { signal: options.signal });
  }
}

function gaveUp(timeoutMs: number, last: VmTaskError): VmTaskError {
  const message = `no SSH login within ${timeoutMs / 1000} s; the last attempt: ${last.message}`;
  return new VmTaskError('ssh-unreachable', message, { cause: last });
}
