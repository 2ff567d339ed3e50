/**
 * What people read: the tasks as `EVENTS` tells them, in a local SQLite file. A reader asks `upToDate` first, so that
 * whoever was told "accepted" finds the task. While it catches up with the stream, which nothing but reading waits for,
 * readers get what is there, and are told how much is not.
 *
 * | file | role |
 * |---|---|
 * | `open-database.ts`, `schema.ts` | the file, kept or made anew |
 * | `apply-event.ts`, `change-task.ts`, `apply-pipeline-event.ts` | what each event changes |
 * | `batch.ts` | several messages in one transaction |
 * | `progress.ts` | the position, in the same transaction |
 * | `read-task.ts`, `list-tasks.ts`, `resolve-id.ts`, `task-events.ts`, `read-artifacts.ts`, `task-counts.ts`, `is-plain-task.ts` | one question each |
 * | `pipeline-row.ts`, `show-pipeline.ts`, `list-pipelines.ts` | pipelines: their folded state, and questions about it |
 * | `team-days.ts`, `team-messages.ts`, `team-usage.ts` | what teams use of their quotas |
 * | `drop-ended.ts`, `keep-retention.ts` | retention |
 */
import { EventEmitter, on, once } from 'node:events';
import type { DatabaseSync } from 'node:sqlite';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Head } from '@vm-task/shared/events';
import { applyEvent, topicsOf } from './apply-event.ts';
import { readProgress, saveProgress } from './progress.ts';
import { inTransaction } from './statement.ts';
import { openCountChanges } from './task-counts.ts';

/** A message of the stream; `event` is null for one that is no event. */
export interface Step {
  readonly seq: number;
  readonly event: Head | null;
}

export interface Projection extends Disposable {
  readonly db: DatabaseSync;
  /** The last sequence whose effect is in the tables. */
  readonly position: number;
  /** Applies messages in order, all or none. What another instance on the same file has applied is left out. */
  advance(steps: readonly Step[]): void;
  /** How many sequences lie between what is in the tables and the last one that is expected: at most so many events. */
  readonly behind: number;
  /** True while much of what the stream had at the start is not in the tables. Nobody waits for that: readers are told how far it is. */
  readonly isCatchingUp: boolean;
  /** What the stream has at the start. */
  catchUp(seq: number): void;
  /** From now on `upToDate` waits for this sequence. */
  expect(seq: number): void;
  /**
   * Returns when everything expected so far is in the tables, and at once while it is catching up.
   * @throws `projection-behind` at the limit, 5 s.
   */
  upToDate(limit?: AbortSignal): Promise<void>;
  /** A turn whenever an event of the task or pipeline was applied, from this call on; ends by `signal`, which is no error. */
  changesOf(id: string, signal: AbortSignal): AsyncGenerator<void, void, void>;
}

/** So many events are read in less than a second, so that readers wait for them. */
const waitedFor = 5_000;
/** Far longer than an event takes from the stream to the tables. */
const upToDateLimitMs = 5_000;

export function createProjection(db: DatabaseSync): Projection {
  const changes = new EventEmitter().setMaxListeners(0);
  const followers = new EventEmitter().setMaxListeners(0);
  let position = readProgress(db).seq;
  let expected = 0;
  let atStart = 0;
  const expect = (seq: number) => {
    expected = Math.max(expected, seq);
  };
  const isCatchingUp = () => atStart - position > waitedFor;
  return {
    db,
    get position() {
      return position;
    },
    advance(steps) {
      const last = steps.at(-1);
      if (last === undefined) return;
      applyNew(db, steps);
      position = last.seq;
      changes.emit('advanced');
      if (followers.eventNames().length === 0) return;
      const topics = steps.flatMap(({ event }) => (event === null ? [] : topicsOf(db, event)));
      for (const topic of new Set(topics)) followers.emit(topic);
    },
    get behind() {
      return Math.max(0, expected - position);
    },
    get isCatchingUp() {
      return isCatchingUp();
    },
    catchUp(seq) {
      atStart = seq;
      expect(seq);
    },
    expect,
    async upToDate(limit = AbortSignal.timeout(upToDateLimitMs)) {
      const wanted = expected;
      while (position < wanted && !isCatchingUp()) {
        await once(changes, 'advanced', { signal: limit }).catch((cause) => {
          const message = `the event ${wanted} is not shown yet, only up to ${position}; ask again in a moment`;
          throw new VmTaskError('projection-behind', message, { cause });
        });
      }
    },
    changesOf: (id, signal) => turns(on(followers, id, { signal }), signal),
    [Symbol.dispose]: () => db.close(),
  };
}

function applyNew(db: DatabaseSync, steps: readonly Step[]): void {
  inTransaction(db, () => {
    const counts = openCountChanges();
    let { seq } = readProgress(db);
    for (const step of steps) {
      if (step.seq <= seq) continue;
      if (step.event !== null) applyEvent(db, step.event, counts);
      seq = step.seq;
    }
    counts.save(db);
    saveProgress(db, seq);
  });
}

async function* turns(source: AsyncIterable<unknown>, signal: AbortSignal): AsyncGenerator<void, void, void> {
  try {
    for await (const _turn of source) yield;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
