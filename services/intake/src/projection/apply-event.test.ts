import type { Head } from '@vm-task/shared/events';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { asNewer } from '@vm-task/testing/newer-events';
import { hasEnded, randomHistory } from '@vm-task/testing/random-history';
import { cancelling, retrying, setupDone, vmGone, vmReady } from '@vm-task/testing/sample-events';
import { describe, expect, it, test } from 'vitest';
import { memoryEvents } from '../../test/memory-events.ts';
import { completed, created } from '../../test/task-events.ts';
import { hostOfTask } from './host-of-task.ts';
import { openDatabase } from './open-database.ts';
import { createProjection, type Projection } from './projection.ts';
import { readTask } from './read-task.ts';
import { countTasks } from './task-counts.ts';
import { readTaskEvents } from './task-events.ts';

function project(events: readonly Head[]): Projection {
  const projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 1_000 }));
  projection.advance(events.map((event) => ({ seq: event.seq, event })));
  return projection;
}

/** The counts as they would be if somebody counted. */
function countedRows({ db }: Projection): unknown[] {
  const sql = 'SELECT pool, status, outcome, count(*) AS tasks FROM tasks GROUP BY 2, 1, 3';
  return db.prepare(sql).all();
}

describe('of whatever there is on the subjects of a task', () => {
  it.each(Array.from({ length: 200 }, (_, seed) => seed))(
    'exactly what counts by the rule that all share has an effect: seed %i',
    (seed) => {
      const history = randomHistory(seed);
      const { task, events, counting, course } = history;
      using projection = project(events);
      const seqs = events.filter((event) => event.type !== 'vm.gone').map(({ seq }) => seq);
      const shown = readTaskEvents(projection.db, task, 0).seqs.filter((seq) => seqs.includes(seq));
      expect(shown).toEqual(counting.map(({ seq }) => seq));
      expect(readTask(projection.db, task)?.status === 'completed').toBe(hasEnded(history));
      expect(hostOfTask(projection.db, task)).toBe(course?.vmHost ?? null);
      expect(countTasks(projection.db)).toEqual(countedRows(projection));
    },
  );
});

test('what a host says of a task that is not with it changes nothing, whether it waits or is at work elsewhere', () => {
  const events = memoryEvents();
  const task = newTaskId(Date.now());
  const [vm, other] = [newVmId(Date.now()), newVmId(Date.now())];
  events.put({ ...created(task), host: 'host-1' });
  events.put(vmReady(task, { vm: other }, 'host-2'));
  events.put(completed(task, other, {}, 'host-2'));
  events.put(vmReady(task, { vm }, 'host-1'));
  for (const forged of [
    vmReady(task, { vm: other }, 'host-2'),
    setupDone(task, {}, 'host-2'),
    retrying(task, { vm }, 'host-2'),
    cancelling(task, {}, 'host-2'),
    completed(task, vm, { outcome: 'failed' }, 'host-2'),
    vmGone(vm, { task }, 'host-2'),
  ]) {
    events.put(forged);
  }
  using projection = project(events.stored);
  const attempts = [{ number: 1, vm, endedAt: null }];
  expect(readTask(projection.db, task)).toMatchObject({ status: 'starting', outcome: null, vm, attempts });
  expect(readTaskEvents(projection.db, task, 0).seqs).toEqual([1, 4]);
});

test('an end that cannot be read here is an end, of which nothing is known but when', () => {
  const events = memoryEvents();
  const task = newTaskId(Date.now());
  events.put(created(task));
  events.put(vmReady(task));
  const end = asNewer(events.put(completed(task, null)));
  const late = events.put(completed(task, null));
  using projection = project([...events.stored.slice(0, 2), end, late]);
  const completedAt = end.time.toISOString();
  expect(readTask(projection.db, task)).toMatchObject({
    status: 'completed',
    outcome: null,
    result: null,
    completedAt,
  });
  expect(readTaskEvents(projection.db, task, 0)).toEqual({ seqs: [1, 2, 3], over: true });
});

test('an outcome that is not known here is shown as it is', () => {
  const events = memoryEvents();
  const task = newTaskId(Date.now());
  events.put(created(task));
  const error = { code: 'melted', message: 'the host melted' };
  const changes = { outcome: 'evaporated', error } as unknown as Parameters<typeof completed>[2];
  events.put(completed(task, null, changes));
  using projection = project(events.stored);
  expect(readTask(projection.db, task)).toMatchObject({ status: 'completed', outcome: 'evaporated', error });
});

test('however many versions a host makes up, few of them are remembered as not read', () => {
  const events = memoryEvents();
  const task = newTaskId(Date.now());
  events.put(created(task));
  const end = asNewer(events.put(completed(task, null)));
  const madeUp = Array.from({ length: 20 }, (_, n) => ({ ...end, version: 10_000 + n }));
  using projection = project([...events.stored.slice(0, 1), ...madeUp]);
  expect(projection.db.prepare('SELECT * FROM unread').all()).toHaveLength(1);
});
