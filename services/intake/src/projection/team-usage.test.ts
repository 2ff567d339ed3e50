import type { Kept } from '@vm-task/bus/inbox';
import type { Head } from '@vm-task/shared/events';
import { manualPool } from '@vm-task/shared/ids';
import { newMessageId, newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { quotaNames } from '@vm-task/shared/quotas';
import { randomHistory } from '@vm-task/testing/random-history';
import { retrying, vmReady } from '@vm-task/testing/sample-events';
import { describe, expect, it, test } from 'vitest';
import { memoryEvents } from '../../test/memory-events.ts';
import { completed, created } from '../../test/task-events.ts';
import { dropEndedBefore } from './drop-ended.ts';
import { openDatabase } from './open-database.ts';
import { createProjection, type Projection } from './projection.ts';
import { dayMs, dropOldDays } from './team-days.ts';
import { dropGoneMessages, openMessageCounts } from './team-messages.ts';
import { readUsage } from './team-usage.ts';

/** Events of a memory stream are a second apart, from this time on: the beginning of a day. */
const start = Date.UTC(2026, 0, 1);
const MiB = 1024 ** 2;
const stream = { created: 'now', lastSeq: 1_000 };

function project(events: readonly Head[]): Projection {
  const projection = createProjection(openDatabase(':memory:', stream));
  projection.advance(events.map((event) => ({ seq: event.seq, event })));
  return projection;
}

function used({ db }: Projection, nowMs = start + 60_000, team = 'red') {
  const usage = readUsage(db, team, nowMs);
  return Object.fromEntries(quotaNames.map((name) => [name, usage[name].used]));
}

const bytes = (storedBytes: number) => ({ seenBytes: storedBytes, storedBytes });
const file = (size: number) => ({ path: 'a', bytes: size, sha256: 'ab', object: 'o' });

test('what waits, what began today and what was left is counted, each team for itself', () => {
  const events = memoryEvents();
  const [task, again] = [newTaskId(start), newTaskId(start)];
  events.put(created(task, undefined, { team: 'red' }));
  events.put(created(again, undefined, { team: 'red' }));
  events.put(created(newTaskId(start), undefined, { team: 'blue' }));
  events.put(created(newTaskId(start)));
  events.put(created(newTaskId(start), undefined, { team: 'red', pool: manualPool }));
  using projection = project(events.stored);
  const tell = (...drafts: Parameters<typeof events.put>[0][]) =>
    projection.advance(drafts.map((draft) => events.put(draft)).map((event) => ({ seq: event.seq, event })));
  const nothing = { artifactsMiB: 0, outputMiB: 0, messages: 0 };
  expect(used(projection)).toEqual({ waitingTasks: 2, tasksPerDay: 2, ...nothing });
  expect(used(projection, undefined, 'blue')).toMatchObject({ waitingTasks: 1, tasksPerDay: 1 });
  const vm = newVmId(start);
  tell(vmReady(again, { vm }));
  expect(used(projection)).toMatchObject({ waitingTasks: 1 });
  tell(retrying(again, { vm, left: { outputBytes: MiB, artifactBytes: 3 * MiB } }));
  expect(used(projection)).toMatchObject({ waitingTasks: 2, outputMiB: 1, artifactsMiB: 3 });
  const output = { stdout: bytes(MiB), stderr: bytes(MiB / 2) };
  tell(vmReady(task, { vm: newVmId(start) }));
  tell(completed(task, newVmId(start), { output, artifacts: [file(MiB), file(MiB)] }));
  tell(completed(task, null, { output, artifacts: [file(MiB)] }));
  expect(used(projection)).toEqual({
    waitingTasks: 1,
    tasksPerDay: 2,
    artifactsMiB: 5,
    outputMiB: 2.5,
    messages: 0,
  });
});

test('retention takes the output with the task, and neither its files nor that it was there', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  events.put(created(task, undefined, { team: 'red' }));
  const output = { stdout: bytes(MiB), stderr: bytes(0) };
  events.put(completed(task, null, { output, artifacts: [file(MiB)] }));
  using projection = project(events.stored);
  dropEndedBefore(projection.db, start * 2);
  expect(used(projection)).toMatchObject({ waitingTasks: 0, tasksPerDay: 1, artifactsMiB: 1, outputMiB: 0 });
});

test('what is gone by its age is no longer counted, and it is known before when that will be', () => {
  const events = memoryEvents();
  const task = newTaskId(start);
  events.put(created(task, undefined, { team: 'red' }));
  const output = { stdout: bytes(3 * MiB), stderr: bytes(0) };
  events.put(completed(task, null, { output, artifacts: [file(MiB)] }));
  using projection = project(events.stored);
  const at = (day: number) => used(projection, start + day * dayMs);
  expect(at(0)).toMatchObject({ tasksPerDay: 1, outputMiB: 3, artifactsMiB: 1 });
  expect(at(1)).toMatchObject({ tasksPerDay: 0, outputMiB: 3 });
  expect([at(7)['outputMiB'], at(8)['outputMiB']]).toEqual([3, 0]);
  expect([at(30)['artifactsMiB'], at(31)['artifactsMiB']]).toEqual([1, 0]);
  const usage = readUsage(projection.db, 'red', start);
  const freeDay = (name: 'tasksPerDay' | 'outputMiB' | 'artifactsMiB' | 'waitingTasks', limit: number) => {
    const freeAtMs = usage[name].freeAtMs(limit);
    return freeAtMs === null ? null : (freeAtMs - start) / dayMs;
  };
  expect([freeDay('tasksPerDay', 1), freeDay('outputMiB', 2), freeDay('artifactsMiB', 1)]).toEqual([1, 8, 31]);
  expect([freeDay('waitingTasks', 1), freeDay('outputMiB', 0)]).toEqual([null, null]);
  dropOldDays(projection.db, start + 32 * dayMs);
  expect(projection.db.prepare('SELECT * FROM team_days').all()).toEqual([]);
});

/** As it is in `INBOX`. */
function kept(seq: number, team: string, expiresMs: number, id = newMessageId(start)): Kept {
  const expiresAt = new Date(expiresMs).toISOString();
  const message = { v: 1, id, to: 'anna', priority: 'normal', expiresAt, team } as Kept['message'];
  return { seq, host: 'any', message };
}

test('a message is counted once, with its marks, until its time is over; a stream made anew is counted anew', () => {
  using projection = project([]);
  const { db } = projection;
  const counts = openMessageCounts(db, stream);
  const first = kept(1, 'red', start + 1_000);
  counts.advance([first, kept(2, 'red', start + 3_000), kept(3, 'blue', start + 1_000), { ...first, seq: 4 }]);
  counts.advance([{ ...first, seq: 4 }]);
  const messages = (nowMs: number) => used(projection, nowMs)['messages'];
  expect([counts.position, messages(start), messages(start + 1_000)]).toEqual([4, 2, 1]);
  const usage = readUsage(db, 'red', start);
  expect([usage.messages.freeAtMs(2), usage.messages.freeAtMs(1)]).toEqual([start + 1_000, start + 3_000]);
  dropGoneMessages(db, start + 2_000);
  expect([messages(start + 2_000), messages(start + 3_000)]).toEqual([1, 0]);
  expect(openMessageCounts(db, stream).position).toBe(4);
  expect(openMessageCounts(db, { ...stream, created: 'later' }).position).toBe(0);
  expect(messages(start)).toBe(0);
});

describe('of whatever there is on the subjects of a task', () => {
  it.each(Array.from({ length: 100 }, (_, seed) => seed))(
    'what waits is what counts by the rule that all share: seed %i',
    (seed) => {
      const { events } = randomHistory(seed);
      const ofRed = events.map((event) =>
        event.type === 'task.created' ? { ...event, data: { ...event.data, team: 'red' } } : event,
      );
      using projection = project(ofRed);
      const sql = `SELECT count(*) AS waiting FROM tasks WHERE team = 'red' AND status IN ('queued', 'retrying')`;
      expect(used(projection)['waitingTasks']).toBe(projection.db.prepare(sql).get()?.['waiting']);
    },
  );
});
