/**
 * Room for new tasks: the last fifth of `EVENTS`, of a small disk and of what the broker may use of the host's memory is
 * head-room for those that run (I13), and of the stores of hosts for the files that these leave.
 */
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import type { Connection } from '@vm-task/bus/connection';
import { readLeases } from '@vm-task/bus/host-leases';
import { artifactsFullFrom, artifactsOf, eventsFullFrom, leastDiskBytes } from '@vm-task/bus/streams';
import { VmTaskError } from '@vm-task/shared/errors';

export interface Room {
  /** Of `EVENTS`: each event is on one of its own, and the broker keeps an index of all of them in memory. */
  readonly subjects: number;
  /** Of this host, where the broker is, or of the control group that is its limit. */
  readonly memoryBytes: number;
  readonly eventsBytes: number;
  readonly eventsMaxBytes: number;
  readonly diskFreeBytes: number;
  /** Of every host that has one. */
  readonly stores: readonly Store[];
}

/** The files that the tasks of a host have left. */
export interface Store {
  readonly host: string;
  readonly bytes: number;
  readonly maxBytes: number;
}

/** What has no room left. */
export type Shortage = 'events' | 'disk' | 'memory' | 'files';

export interface Refusal {
  readonly shortage: Shortage;
  readonly reason: string;
}

/** What is to be taken. */
export interface Wanted {
  /** It is a task that may leave files. */
  readonly keepsFiles: boolean;
}

export interface Admission {
  /** Why it cannot be taken just now, or null. At most a second old. */
  refusal(wanted: Wanted): Promise<string | null>;
  /** @throws `stream-full`. */
  requireRoom(wanted: Wanted): Promise<void>;
}

/** A second's worth of tasks is small against the head-room. */
const rememberedMs = 1_000;

/** A shortage that comes and goes, as at the edge of a limit, is one for people. */
const toldAgainMs = 3_600_000;

const GiB = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(2)} GiB`;

/** Measured: 1.1 GiB of the server's memory at five million subjects. */
export const bytesPerSubject = 240;
/** So much of the host's memory the index may use: the VMs are to have the rest. */
const indexShare = 1 / 8;

/** Why there is no room, with both figures, or null when there is. */
export function refusalFor(room: Room): Refusal | null {
  const { eventsBytes, eventsMaxBytes, diskFreeBytes } = room;
  if (eventsBytes >= eventsFullFrom * eventsMaxBytes) {
    const reason = `the stream EVENTS holds ${GiB(eventsBytes)} of ${GiB(eventsMaxBytes)}; new tasks are taken again below 80 %, when old ones have been purged`;
    return { shortage: 'events', reason };
  }
  if (diskFreeBytes < leastDiskBytes) {
    const reason = `the disk has ${GiB(diskFreeBytes)} free; new tasks are taken again from ${GiB(leastDiskBytes)} on`;
    return { shortage: 'disk', reason };
  }
  const reason = memoryShortage(room);
  return reason === null ? null : { shortage: 'memory', reason };
}

/** Of tasks that may leave files: which host will run one is not known, so one with room is enough. */
export function filesRefusalFor({ stores }: Room): Refusal | null {
  const [roomiest] = stores.toSorted((a, b) => a.bytes / a.maxBytes - b.bytes / b.maxBytes);
  if (roomiest === undefined || roomiest.bytes < artifactsFullFrom * roomiest.maxBytes) return null;
  const { host, bytes, maxBytes } = roomiest;
  const reason = `the files that tasks have left on ${host} have ${GiB(bytes)} of ${GiB(maxBytes)}; tasks with artifacts are taken again below 80 %, when old files have gone`;
  return { shortage: 'files', reason };
}

function memoryShortage({ subjects, memoryBytes }: Room): string | null {
  const limit = eventsFullFrom * indexShare * memoryBytes;
  const used = subjects * bytesPerSubject;
  if (used < limit) return null;
  return `NATS needs about ${GiB(used)} of memory for the index of ${subjects} events, and ${GiB(limit)} of the ${GiB(memoryBytes)} of this host are for that; new tasks are taken again when old ones have been purged`;
}

/** What the stream and the home's disk have. */
export async function measureRoom(connection: Connection, homeRoot: string): Promise<Room> {
  const [{ config, state }, disk, stores] = await Promise.all([
    connection.jsm.streams.info('EVENTS'),
    statfs(homeRoot),
    storesOf(connection),
  ]);
  return {
    stores,
    eventsBytes: state.bytes,
    eventsMaxBytes: config.max_bytes,
    diskFreeBytes: disk.bavail * disk.bsize,
    subjects: state.num_subjects ?? 0,
    memoryBytes: Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY),
  };
}

/** A host whose store is not made yet has none. */
async function storesOf(connection: Connection): Promise<Store[]> {
  const asked = (await readLeases(connection)).map(async ({ host }): Promise<Store[]> => {
    const { config, state } = await connection.jsm.streams.info(`OBJ_${artifactsOf(host)}`);
    return config.max_bytes > 0 ? [{ host, bytes: state.bytes, maxBytes: config.max_bytes }] : [];
  });
  const answers = await Promise.allSettled(asked);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}

/** Why nothing is taken; why nothing is that may leave files. */
interface Answer {
  readonly any: string | null;
  readonly files: string | null;
}

/** `onRefused` is called when new tasks begin to be refused for something, at most once an hour for each. */
export function createAdmission(
  measure: () => Promise<Room>,
  now: () => number,
  onRefused: (refusal: Refusal) => void,
): Admission {
  let answer: Promise<Answer> = Promise.resolve({ any: null, files: null });
  let askedAt = Number.NEGATIVE_INFINITY;
  const toldAt = new Map<Shortage, number>();
  const tell = (refusal: Refusal | null): string | null => {
    if (refusal === null) return null;
    const { shortage, reason } = refusal;
    if (now() - (toldAt.get(shortage) ?? Number.NEGATIVE_INFINITY) >= toldAgainMs) onRefused(refusal);
    // As long as it lasts, it is told once.
    toldAt.set(shortage, now());
    return reason;
  };
  const refusal = async ({ keepsFiles }: Wanted): Promise<string | null> => {
    if (now() - askedAt >= rememberedMs) {
      askedAt = now();
      answer = measure().then((room) => ({ any: tell(refusalFor(room)), files: tell(filesRefusalFor(room)) }));
    }
    const { any, files } = await answer;
    return any ?? (keepsFiles ? files : null);
  };
  return {
    refusal,
    async requireRoom(wanted) {
      const reason = await refusal(wanted);
      if (reason !== null) throw new VmTaskError('stream-full', reason);
    },
  };
}
