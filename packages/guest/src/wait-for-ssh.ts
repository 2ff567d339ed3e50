/** Readiness by the clock, not by counting attempts. */
import type { VmAccess } from '@vm-task/shared/vm-access';
import type { GuestConnection } from './connect.ts';

/**
 * The first connection that works, however often it takes until `timeoutMs` have passed.
 * Thrown: as `connect`; a wrong host key or a refused login at once, because waiting does not mend them.
 */
export async function waitForSsh(
  _access: VmAccess,
  _options: { readonly privateKey: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<GuestConnection> {
  throw new Error('soon');
}
