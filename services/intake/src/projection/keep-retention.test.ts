import { silentLogger } from '@vm-task/service/log';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { memoryEvents } from '../../test/memory-events.ts';
import { completed, created } from '../../test/task-events.ts';
import { keepRetention } from './keep-retention.ts';
import { openDatabase } from './open-database.ts';
import { createProjection } from './projection.ts';
import { readTask } from './read-task.ts';

/** Events of a memory stream are a second apart, from this time on: long ago by the clock of this host. */
const start = Date.UTC(2026, 0, 1);
const retentionMs = 24 * 3_600_000;
const late = new Date(start + retentionMs + 60_000);

/** One task that has ended, and retention at each of these times of the broker; `before` is called with the number of each. */
async function keepAt(times: readonly (Date | Error)[], before: (n: number, setFull: (full: boolean) => void) => void) {
  const events = memoryEvents();
  const task = newTaskId(start);
  events.put(created(task));
  events.put(completed(task, null));
  using projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 10 }));
  projection.advance(events.stored.map((event) => ({ seq: event.seq, event })));
  const kept: boolean[] = [];
  const isKept = () => readTask(projection.db, task) !== null;
  let time: Date | Error = late;
  async function* ticks() {
    for (const [n, next] of times.entries()) {
      time = next;
      // As a full disk it takes no write.
      before(n, (full) => projection.db.exec(`PRAGMA query_only = ${full ? 1 : 0}`));
      yield;
      kept.push(isKept());
    }
  }
  const now = async () => {
    if (time instanceof Error) throw time;
    return time;
  };
  await keepRetention({ db: projection.db, now, retentionMs, maxTasks: undefined, log: silentLogger }, ticks());
  return kept;
}

test('what has ended is forgotten by the clock of the broker, whatever the one of this host shows', async () => {
  const early = new Date(start + retentionMs);
  expect(await keepAt([early, late], () => undefined)).toEqual([true, false]);
});

test('a disk that is full and a broker that is away are waited out', async () => {
  const kept = await keepAt([late, new Error('away'), late], (n, setFull) => setFull(n === 0));
  expect(kept).toEqual([true, true, false]);
});

test('beyond so many tasks the oldest that have ended are forgotten, and what lives stays', async () => {
  const events = memoryEvents();
  const [live, ...ended] = Array.from({ length: 5 }, (_, index) => newTaskId(start + index));
  events.put(created(live as TaskId));
  for (const task of ended) {
    events.put(created(task));
    events.put(completed(task, null));
  }
  using projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 10 }));
  projection.advance(events.stored.map((event) => ({ seq: event.seq, event })));
  async function* once() {
    yield;
  }
  const now = async () => new Date(start);
  const keep = (maxTasks: number | undefined) =>
    keepRetention({ db: projection.db, now, retentionMs, maxTasks, log: silentLogger }, once());
  const left = () => [live, ...ended].filter((task) => readTask(projection.db, task as string) !== null);
  for (const maxTasks of [undefined, 5]) {
    await keep(maxTasks);
    expect(left()).toEqual([live, ...ended]);
  }
  await keep(2);
  expect(left()).toEqual([live, ...ended.slice(-2)]);
});
