/** Room for new tasks: the last fifth of `EVENTS` and of a small disk is head-room for those that run (I13). */
import { statfs } from 'node:fs/promises';
import type { Connection } from '@vm-task/bus/connection';
import { eventsFullFrom, leastDiskBytes } from '@vm-task/bus/streams';
import { VmTaskError } from '@vm-task/shared/errors';

export interface Room {
  readonly eventsBytes: number;
  readonly eventsMaxBytes: number;
  readonly diskFreeBytes: number;
}

export interface Admission {
  /** Why no task can be taken just now, or null. At most a second old. */
  refusal(): Promise<string | null>;
  /** @throws `stream-full`. */
  requireRoom(): Promise<void>;
}

/** A second's worth of tasks is small against the head-room. */
const rememberedMs = 1_000;

const GiB = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(2)} GiB`;

/** Why there is no room, with both figures, or null when there is. */
export function refusalFor({ eventsBytes, eventsMaxBytes, diskFreeBytes }: Room): string | null {
  if (eventsBytes >= eventsFullFrom * eventsMaxBytes) {
    return `the stream EVENTS holds ${GiB(eventsBytes)} of ${GiB(eventsMaxBytes)}; new tasks are taken again below 80 %, when old ones have been purged`;
  }
  if (diskFreeBytes < leastDiskBytes) {
    return `the disk has ${GiB(diskFreeBytes)} free; new tasks are taken again from ${GiB(leastDiskBytes)} on`;
  }
  return null;
}

/** What the stream and the home's disk have. */
export async function measureRoom({ jsm }: Connection, homeRoot: string): Promise<Room> {
  const [{ config, state }, disk] = await Promise.all([jsm.streams.info('EVENTS'), statfs(homeRoot)]);
  return {
    eventsBytes: state.bytes,
    eventsMaxBytes: config.max_bytes,
    diskFreeBytes: disk.bavail * disk.bsize,
  };
}

export function createAdmission(measure: () => Promise<Room>, now: () => number): Admission {
  let answer: Promise<string | null> = Promise.resolve(null);
  let askedAt = Number.NEGATIVE_INFINITY;
  const refusal = (): Promise<string | null> => {
    if (now() - askedAt < rememberedMs) return answer;
    askedAt = now();
    answer = measure().then(refusalFor);
    return answer;
  };
  return {
    refusal,
    async requireRoom() {
      const reason = await refusal();
      if (reason !== null) throw new VmTaskError('stream-full', reason);
    },
  };
}
