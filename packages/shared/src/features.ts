/**
 * What was added to the events since they are released, and when it may be written: once every service that is there can
 * read it (docs/compatibility.md). The record `features` says up to which version that is so; control keeps it, by the
 * leases of the hosts.
 */
import { z } from 'zod';
import type { HostLease } from './host-lease.ts';
import { compareReleases } from './versions.ts';

export const featuresSchema = z.strictObject({
  v: z.literal(1),
  /** Whatever this version of vm-task writes, every service that is there can read. */
  version: z.string(),
});

export type Features = z.infer<typeof featuresSchema>;

export interface Addition {
  /** The first version of vm-task that reads it. */
  readonly since: string;
  /** Of a newer version of a type: the data as the version before had it. A type that is new has none. */
  readonly before?: (data: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

/** By `<type>@<version>`: `task.completed@2`. */
export type Additions = Readonly<Record<string, Addition>>;

/** A service of this version or a newer one knows that not everybody may answer; an older one would let everybody. */
const answerers: Addition = { since: '0.2.0-rc.1.dev' };

/** One goes when no version is supported any more that does not read it. */
export const additions = {
  'task.created@2': answerers,
  'pipeline.created@2': answerers,
  'pipeline.advanced@2': answerers,
} as const satisfies Additions;

/** `version`: of the record; null where there is none yet, and then no addition is on. */
export function isOn({ since }: Addition, version: string | null): boolean {
  return version !== null && compareReleases(version, since) >= 0;
}

/**
 * The data of an event in its newest version as it may be written now.
 * @throws Error for a type that is not on: its writer has to ask before
 */
export function asWritten(
  type: string,
  data: Readonly<Record<string, unknown>> & { readonly v: number },
  version: string | null,
  known: Additions = additions,
): Record<string, unknown> {
  let written: Record<string, unknown> = data;
  for (let at = data.v; at >= 1; at--) {
    const addition = known[`${type}@${at}`];
    if (addition === undefined || isOn(addition, version)) break;
    if (addition.before === undefined) {
      const what = at === 1 ? type : `version ${at} of ${type}`;
      throw new Error(`${what} is not switched on: not every service can read it`);
    }
    written = addition.before(written);
  }
  return written;
}

/** A host that was not heard of for so long is not there. It says who it is when it is back, before it reads anything. */
export const absentAfterMs = 5 * 60_000;

/**
 * The version that the record has to say: the oldest of all services that are there. Null while one is there whose
 * lease cannot be read here: then the record stays as it is. `own`: of the service of control that asks.
 */
export function versionToWrite(
  own: string,
  leases: readonly { readonly renewedAt: Date; readonly lease: Pick<HostLease, 'version'> | null }[],
  nowMs: number,
): string | null {
  const there = leases.filter(({ renewedAt }) => nowMs - renewedAt.getTime() < absentAfterMs);
  const versions = there.flatMap(({ lease }) => (lease === null ? [] : [lease.version]));
  if (versions.length < there.length) return null;
  return [own, ...versions].toSorted(compareReleases)[0] ?? own;
}
