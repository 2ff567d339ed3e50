/** The hosts that a secret is encrypted for, and those that are left out. */
import type { SecretView } from '@vm-task/api/secrets';
import type { HeldLease } from '@vm-task/bus/host-leases';
import type { SecretSummary } from '@vm-task/bus/secrets';
import type { HostToken } from '@vm-task/shared/events';
import { absentAfterMs } from '@vm-task/shared/features';

interface KnownHost {
  /** As it says itself; null for one that has none. */
  readonly key: string | null;
  /** It was heard of. One that was not may be lost, and somebody else's by now. */
  readonly isThere: boolean;
}

export type KnownHosts = ReadonlyMap<HostToken, KnownHost>;

/** Each that has ever been there. `nowMs`: by the broker's clock, as the leases' times are. */
export function knownHosts(leases: readonly HeldLease[], nowMs: number): KnownHosts {
  return new Map(
    leases.map(({ host, renewedAt, lease }) => {
      const isThere = nowMs - renewedAt.getTime() < absentAfterMs;
      return [host, { key: lease?.secretsKey ?? null, isThere }];
    }),
  );
}

/** What to encrypt for; null for a host that is left out. */
export function keysOf(hosts: KnownHosts): ReadonlyMap<HostToken, string | null> {
  return new Map([...hosts].map(([host, { key, isThere }]) => [host, isThere ? key : null]));
}

export function viewOf({ encryptedFor, ...secret }: SecretSummary, known: KnownHosts): SecretView {
  const hosts = [...known].map(([name, { key, isThere }]) => {
    const has = encryptedFor.some((one) => one.host === name && one.key === key);
    const lacking = key === null ? ('no-key' as const) : isThere ? ('lacks' as const) : ('absent' as const);
    return { name, state: has ? ('has' as const) : lacking };
  });
  return { ...secret, hosts };
}
