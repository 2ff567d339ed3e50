import type { TaskView } from '@vm-task/api/tasks';
import { questionSpec } from '@vm-task/pipelines/planning/manual-task';
import type { Stored } from '@vm-task/shared/events';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { chance } from '@vm-task/testing/chance';
import { cancelling, resumed, retrying, setupDone, vmReady } from '@vm-task/testing/sample-events';
import { runSeed } from '@vm-task/testing/seed';
import { describe, expect, it, test } from 'vitest';
import { memoryEvents } from '../../test/memory-events.ts';
import { completed, created } from '../../test/task-events.ts';
import { openDatabase } from './open-database.ts';
import { createProjection } from './projection.ts';
import { readTask } from './read-task.ts';

/** Events of a memory stream are a second apart, from this time on. */
const start = Date.UTC(2026, 0, 1);
const task = newTaskId(start);

type Phases = NonNullable<TaskView['timings']['phases']>;

function timingsOf(events: readonly Stored[]): TaskView['timings'] & { readonly phases: Phases } {
  using projection = createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 1_000 }));
  projection.advance(events.map((event) => ({ seq: event.seq, event })));
  const view = readTask(projection.db, task);
  if (view === null) throw new Error('the task is not there');
  return { ...view.timings, phases: view.timings.phases ?? [] };
}

const sum = (phases: Phases) => phases.reduce((all, { ms }) => all + ms, 0);

test('each millisecond of a task belongs to a phase', () => {
  const events = memoryEvents();
  const vm = newVmId(start + 1_600);
  events.put(created(task));
  events.put(vmReady(task, { vm }));
  events.put(setupDone(task));
  events.put(completed(task, vm, { processMs: 120 }));
  expect(timingsOf(events.stored).phases).toEqual([
    { attempt: 1, phase: 'queued', ms: 600 },
    { attempt: 1, phase: 'vm', ms: 400 },
    { attempt: 1, phase: 'setup', ms: 1_000 },
    { attempt: 1, phase: 'run', ms: 120 },
    { attempt: 1, phase: 'overhead', ms: 880 },
  ]);
});

test('the attempts before the last one are there, too, with what was waited between them', () => {
  const events = memoryEvents();
  const [first, last] = [newVmId(start), newVmId(start + 5_500)];
  events.put(created(task));
  events.put(vmReady(task, { vm: first }));
  events.put(setupDone(task));
  events.put(retrying(task, { vm: first, phase: 'run' }));
  events.put(retrying(task, { attempt: 2, next: 3 }));
  events.put(vmReady(task, { vm: last, attempt: 3 }));
  events.put(completed(task, last, { attempt: 3, outcome: 'failed', processMs: null }));
  const { phases, totalMs } = timingsOf(events.stored);
  expect(phases.map(({ attempt, phase, ms }) => `${attempt} ${phase} ${ms}`)).toEqual([
    '1 queued 1000',
    '1 setup 1000',
    '1 run 1000',
    '2 queued 1000',
    '3 queued 500',
    '3 vm 500',
    '3 setup 1000',
  ]);
  expect(sum(phases)).toBe(totalMs);
});

test('a task that ended without a VM has waited, and one for somebody has waited for an answer', () => {
  const events = memoryEvents();
  events.put(created(task));
  events.put(completed(task, null, { outcome: 'timed_out', processMs: null }));
  expect(timingsOf(events.stored).phases).toEqual([{ attempt: 1, phase: 'queued', ms: 1_000 }]);
  const asked = memoryEvents();
  const question = {
    from: 'approval',
    text: 'Go on?',
    deadlineMs: 1,
    inputs: {},
    labels: {},
    alertAfterMs: undefined,
    answerers: undefined,
  } as const;
  asked.put(created(task, { run: 'x' }, { spec: questionSpec(question) }));
  asked.put(completed(task, null, { processMs: null }));
  expect(timingsOf(asked.stored).phases).toEqual([{ attempt: 1, phase: 'answer', ms: 1_000 }]);
});

test('of a task that has not ended, the phases that are over are there', () => {
  const events = memoryEvents();
  events.put(created(task));
  events.put(vmReady(task, { vm: newVmId(start) }));
  expect(timingsOf(events.stored)).toMatchObject({ totalMs: null, phases: [{ phase: 'queued', ms: 1_000 }] });
});

type Pick = (max: number) => number;

/** Of the events of a history, at times of chance: some equal, some set back. */
function withTimes(stored: readonly Stored[], pick: Pick): Stored[] {
  let atMs = start;
  const step = () => (pick(8) === 0 ? -pick(300) : pick(4) * pick(2_000));
  return stored.map((event) => {
    atMs += step();
    return { ...event, time: new Date(atMs) };
  });
}

/** One attempt up to its end; whether it has got as far as its process. */
function putAttempt(events: ReturnType<typeof memoryEvents>, attempt: number, pick: Pick) {
  const vm = pick(5) === 0 ? null : newVmId(start + pick(8_000));
  if (vm === null) return { vm, hasRun: false };
  events.put(vmReady(task, { vm, attempt }));
  if (pick(4) === 0) events.put(resumed(task, vm, { attempt }));
  const hasRun = pick(4) !== 0;
  if (hasRun) events.put(setupDone(task, { attempt }));
  return { vm, hasRun };
}

function randomHistory(pick: Pick): Stored[] {
  const events = memoryEvents();
  events.put(created(task, { run: 'x' }));
  let attempt = 1;
  for (; pick(2) === 0 && attempt < 5; attempt++) {
    const { vm } = putAttempt(events, attempt, pick);
    events.put(retrying(task, { vm, attempt, next: attempt + 1 }));
  }
  const { vm, hasRun } = putAttempt(events, attempt, pick);
  if (pick(4) === 0) events.put(cancelling(task, { attempt }));
  const outcome = (['succeeded', 'failed', 'cancelled', 'timed_out'] as const)[pick(4)] ?? 'failed';
  const processMs = hasRun && pick(3) !== 0 ? pick(60_000) / 10 : null;
  events.put(completed(task, vm, { attempt, outcome, processMs }));
  return withTimes(events.stored, pick);
}

describe('of any history', () => {
  const from = runSeed('random histories');

  it.each(Array.from({ length: 300 }, (_, index) => from + index))(
    'the phases are totalMs together: seed %i',
    (seed) => {
      const { phases, totalMs } = timingsOf(randomHistory(chance(seed)));
      expect(sum(phases)).toBe(totalMs);
      expect(phases.filter(({ ms }) => !Number.isInteger(ms) || ms <= 0)).toEqual([]);
      const attempts = phases.map(({ attempt }) => attempt);
      expect(attempts).toEqual(attempts.toSorted((a, b) => a - b));
    },
  );
});
