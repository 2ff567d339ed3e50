/** The bucket `hosts`: one entry for each host, renewed by its provisioner and read by control. */
import type { HostToken } from '@vm-task/shared/events';
import { type HostLease, hostLeaseSchema } from '@vm-task/shared/host-lease';
import { tolerant } from '@vm-task/shared/tolerant';
import type { Connection } from './connection.ts';

const stream = 'KV_hosts';
const subjectOf = (host: HostToken) => `$KV.hosts.${host}`;

const readerSchema = tolerant(hostLeaseSchema);

export interface HeldLease {
  readonly host: HostToken;
  /** By the broker's clock. */
  readonly renewedAt: Date;
  /** Null for one that this version cannot read. */
  readonly lease: HostLease | null;
}

/** Returns once the broker has it. A host may write its own and no other. */
export async function renewLease({ js }: Connection, lease: HostLease): Promise<void> {
  await js.publish(subjectOf(lease.host), JSON.stringify(hostLeaseSchema.parse(lease)));
}

/** Of every host that has ever been there, by name. */
export async function readLeases({ jsm }: Connection): Promise<HeldLease[]> {
  const { state } = await jsm.streams.info(stream, { subjects_filter: subjectOf('*') });
  const subjects = Object.keys(state.subjects ?? {}).sort();
  const found = await Promise.all(
    subjects.map(async (subject) => {
      const message = await jsm.streams.getMessage(stream, { last_by_subj: subject });
      if (message === null || message.data.length === 0) return [];
      const host = subject.slice(subjectOf('').length);
      return [{ host, renewedAt: message.time, lease: leaseIn(message.data, host) }];
    }),
  );
  return found.flat();
}

function leaseIn(data: Uint8Array, host: HostToken): HostLease | null {
  try {
    const lease = readerSchema.parse(JSON.parse(Buffer.from(data).toString('utf8')));
    return lease.host === host ? lease : null;
  } catch {
    return null;
  }
}
