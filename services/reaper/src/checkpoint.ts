/**
 * Where the reaper stands in the log, so that a start reads what came since and not everything there is. It may be lost, or
 * old: then more is read.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Connection } from '@vm-task/bus/connection';
import { lastEventSeq } from '@vm-task/bus/last-event';
import { readHistory } from '@vm-task/bus/task-history';
import { writePrivateFile } from '@vm-task/service/private-file';
import type { Head } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import type { PipelineKey, TaskKey } from '@vm-task/shared/subjects';
import type { LateTask } from './late-tasks.ts';
import type { LiveTask } from './task-view.ts';

/** Plain JSON. Another version of the fold has another `v`. */
export interface Checkpoint {
  readonly v: 2;
  /** When the stream was made: another one has another past. */
  readonly stream: string;
  /** Of the last message that it knows of. */
  readonly seq: number;
  readonly tasks: readonly LiveTask[];
  readonly late: readonly LateTask[];
  readonly resumed: readonly (readonly [by: PipelineId, resumed: PipelineId])[];
  /** Tasks and pipelines whose beginning could not be read. */
  readonly unread: readonly (TaskKey | PipelineKey)[];
}

/** Where checkpoints are kept; what it returns may be of any time and any stream. */
export interface CheckpointStore {
  load(): Checkpoint | null;
  save(checkpoint: Checkpoint): void;
}

/** In a file, replaced in one step. It is not synced: what a power cut leaves of it is a checkpoint or is passed over. */
export function checkpointFile(path: string): CheckpointStore {
  return {
    load() {
      try {
        return JSON.parse(readFileSync(path, 'utf8')) as Checkpoint;
      } catch {
        return null;
      }
    },
    save(checkpoint) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writePrivateFile(path, JSON.stringify(checkpoint));
    },
  };
}

export interface StreamFacts {
  readonly created: string;
  readonly lastSeq: number;
  /** The last that a reader will see: what came behind it may have been forgotten. */
  readonly lastToRead: number;
}

export async function streamFacts(connection: Connection): Promise<StreamFacts> {
  const { created, state } = await connection.jsm.streams.info('EVENTS');
  return { created, lastSeq: state.last_seq, lastToRead: await lastEventSeq(connection) };
}

/** Where to go on from: a checkpoint, and what it did not know although it is older. */
export interface Resumption {
  readonly checkpoint: Checkpoint | null;
  readonly again: readonly Head[];
}

/**
 * None for what is of another stream or another version, or knows of more than the stream has. What could not be read when
 * it was made is read again, by whoever may be able to now.
 */
export async function resumeFrom(
  store: CheckpointStore,
  connection: Connection,
  { created, lastSeq }: Pick<StreamFacts, 'created' | 'lastSeq'>,
): Promise<Resumption> {
  const checkpoint = store.load();
  if (checkpoint?.v !== 2 || checkpoint.stream !== created || checkpoint.seq > lastSeq) {
    return { checkpoint: null, again: [] };
  }
  const unknown = checkpoint.tasks.filter(({ hasUnknown }) => hasUnknown);
  const again: Head[] = [];
  for (const key of [...unknown, ...checkpoint.unread]) {
    const { events } = await readHistory(connection, key);
    again.push(...events.filter(({ seq }) => seq <= checkpoint.seq));
  }
  const tasks = checkpoint.tasks.filter(({ hasUnknown }) => !hasUnknown);
  return { checkpoint: { ...checkpoint, tasks, unread: [] }, again: again.sort((a, b) => a.seq - b.seq) };
}
