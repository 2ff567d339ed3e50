/**
 * The disk under the broker's store. A stream that has once met a full disk answers no publish any more, while the server
 * answers everything else; room alone does not mend it, a restart of the server does.
 */
import { statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { maxPayloadBytes } from '@vm-task/bus/streams';

/** With less than two of the largest messages, one may have met a full disk. */
const fullBytes = 2 * maxPayloadBytes;
/** With so much more the server can start, and will not be full again at once. */
const roomBytes = 8 * maxPayloadBytes;
/** A disk that is full stays so until somebody makes room. */
const lookEveryMs = 1_000;

export interface DiskWatchOptions {
  readonly folder: string;
  /** Called each time that there is room again after the disk was full. */
  readonly onRoomAgain: () => Promise<void>;
  readonly stop: AbortSignal;
}

/** Watches until `stop`. */
export async function watchDisk({ folder, onRoomAgain, stop }: DiskWatchOptions): Promise<void> {
  let wasFull = false;
  while (!stop.aborted) {
    const freeBytes = await measure(folder);
    if (freeBytes < fullBytes) wasFull = true;
    if (wasFull && freeBytes >= roomBytes) {
      wasFull = false;
      await onRoomAgain();
    }
    await delay(lookEveryMs, undefined, { signal: stop }).catch(() => undefined);
  }
}

async function measure(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
