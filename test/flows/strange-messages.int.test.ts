/** Whatever is published where: every other task, list, sweep, audit, deadline and fold goes on as without it. */
import { followLog, lastLogSeq } from '@vm-task/bus/output-log';
import { readHistory } from '@vm-task/bus/task-history';
import { audit, taskLog } from '@vm-task/reaper/audit';
import type { Head } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { factsOfSubject } from '@vm-task/shared/subjects';
import { chance } from '@vm-task/testing/chance';
import { eventually } from '@vm-task/testing/conditions';
import * as sample from '@vm-task/testing/sample-events';
import { runSeed } from '@vm-task/testing/seed';
import { expect, test } from 'vitest';
import { startIntake } from './intake.ts';
import { beginPipeline, overOf, resultOf } from './pipelines.ts';
import {
  allStrange,
  courseOf,
  freshTask,
  hosts,
  isOfEvents,
  newerPatterns,
  publishByHand,
  publishNewer,
  type Strange,
  subjectFor,
  typeFor,
} from './strange-messages.ts';
import { type System, startSystem } from './system.ts';

const { signal } = new AbortController();

/** A task of another host: nobody here takes it, and only its deadline ends it. */
async function submitVictim({ broker: { bus } }: System): Promise<{ task: TaskId; seq: number }> {
  const task = freshTask();
  const timeouts = { queueMs: 600_000, setupMs: 600_000, runMs: 600_000, totalMs: 5_000 };
  const draft = sample.created(task, { spec: { ...sample.sampleSpec, timeouts } });
  const appended = await bus.append({ ...draft, host: 'host-9' }, 0, signal);
  if (appended.kind !== 'stored') throw new Error('the victim was refused');
  return { task, seq: appended.event.seq };
}

interface Told {
  readonly strange: Strange;
  readonly subject: string;
  /** Of whom it speaks. */
  readonly victim: TaskId;
}

/** As who may say it, about a task that is its own; `bystander`: the one that it is about when it is no event at all. */
async function tell(
  system: System,
  strange: Strange,
  bystander: TaskId,
  random: (max: number) => number,
): Promise<Told> {
  const { connection } = system.broker;
  if (strange.manner === 'without our envelope') {
    const subject = subjectFor(strange.pattern, { task: bystander, host: hosts[random(hosts.length)] ?? 'any' });
    await publishByHand(connection, subject);
    return { strange, subject, victim: bystander };
  }
  const isBeginning = strange.pattern.includes('.created.');
  const victim = isBeginning ? { task: freshTask(), seq: 0 } : await submitVictim(system);
  // Of those that are no events the ones that somebody here handles.
  const host = isBeginning || !isOfEvents(strange.pattern) ? 'any' : 'host-9';
  const subject = subjectFor(strange.pattern, { task: victim.task, host });
  const key = courseOf(strange, subject);
  const expectedSeq = key !== null && 'task' in key ? victim.seq : 0;
  await publishNewer(connection, subject, typeFor(strange, subject), { key, expectedSeq });
  return { strange, subject, victim: victim.task };
}

interface Bystander {
  readonly task: TaskId;
  readonly outcome: string;
  readonly output: string | null;
  readonly attempts: number;
}

/** One of each kind of life that a task can have. */
async function submitBystanders(system: System, mark: string): Promise<Bystander[]> {
  const one = async (file: object, wanted: Partial<Bystander> = {}): Promise<Bystander> => {
    const task = await system.submit({
      ...file,
      timeouts: { queue: '30m', ...('timeouts' in file ? (file.timeouts as object) : {}) },
    });
    return { task, outcome: 'succeeded', output: null, attempts: 1, ...wanted };
  };
  const counting = 'i=0; while [ $i -lt 25 ]; do i=$((i + 1)); echo "line $i"; sleep 0.1; done';
  const lines = Array.from({ length: 25 }, (_, i) => `line ${i + 1}\n`).join('');
  const failsFirst = `[ -e "$HOME/${mark}" ] || { : > "$HOME/${mark}"; exit 7; }; echo again`;
  return await Promise.all([
    one({ run: counting }, { output: lines }),
    one({ run: counting }, { output: lines }),
    one({ run: 'exit 3' }, { outcome: 'failed' }),
    one({ run: failsFirst, retry: { maxAttempts: 2, backoff: '1s', on: ['run'] } }, { output: 'again\n', attempts: 2 }),
    one({ run: 'sleep 600', timeouts: { run: '2s' } }, { outcome: 'timed_out' }),
    one({ run: 'sleep 600' }, { outcome: 'cancelled' }),
  ]);
}

async function shownOf({ broker: { connection } }: System, task: TaskId, attempt: number): Promise<string> {
  const last = await lastLogSeq(connection, task);
  let text = '';
  for await (const entry of followLog(connection, task, 1, signal)) {
    if (entry.attempt === attempt && 'bytes' in entry && entry.stream === 'stdout')
      text += Buffer.from(entry.bytes).toString('utf8');
    if (entry.seq >= last) break;
  }
  return text;
}

async function endOf(system: System, task: TaskId): Promise<Head> {
  const find = async () => {
    const head = await system.broker.bus.head({ pool: 'default', task });
    return head?.type === 'task.completed' && head;
  };
  return eventually(find, { what: `task ${task} ends`, limitMs: 120_000 });
}

async function expectUnaffected(system: System, { task, outcome, output, attempts }: Bystander): Promise<void> {
  expect(await endOf(system, task)).toMatchObject({ data: { outcome, attempt: attempts } });
  const { events } = await readHistory(system.broker.connection, { pool: 'default', task });
  expect(events.filter(({ type }) => type === 'unknown' || type === 'task.resumed')).toEqual([]);
  // Who is cancelled may not have had a VM yet.
  const vms = events.filter(({ type }) => type === 'vm.ready').length;
  expect(outcome === 'cancelled' ? attempts : vms).toBe(attempts);
  expect(events.filter(({ type }) => type === 'task.completed')).toHaveLength(1);
  if (output !== null) expect(await shownOf(system, task, attempts)).toBe(output);
}

/** How often there was an alert of that kind on each of its subjects. */
async function alertSubjects({ broker: { connection } }: System, kind: string): Promise<Map<string, number>> {
  const subjects_filter = `alert.raised.*.${kind}.*.*`;
  const { state } = await connection.jsm.streams.info('EVENTS', { subjects_filter });
  return new Map(Object.entries(state.subjects ?? {}));
}

test('messages without our envelope, of newer versions and of unknown types, on every subject of every stream, affect nobody else', async () => {
  const random = chance(runSeed('strange messages'));
  await using system = await startSystem({ max: 8 });
  const { broker, hypervisor } = system;
  const { subjects = [] } = (await broker.connection.jsm.streams.info('EVENTS')).config;
  await broker.connection.jsm.streams.update('EVENTS', { subjects: [...subjects, ...newerPatterns] });
  await using intake = await startIntake(broker);
  const bystanders = await submitBystanders(system, 'first');
  const pipeline = await beginPipeline(system, {
    stages: { build: { run: 'sleep 1; echo built' }, check: { needs: ['build'], run: 'echo checked' } },
  });
  const order = allStrange.map((strange) => ({ strange, at: random(1_000_000) })).sort((a, b) => a.at - b.at);
  const told: Told[] = [];
  for (const [index, { strange }] of order.entries()) {
    const about = bystanders[random(bystanders.length)];
    if (about === undefined) throw new Error('there are bystanders');
    told.push(await tell(system, strange, about.task, random));
    if (index === Math.floor(order.length / 2)) await system.cancel(bystanders[5]?.task ?? about.task);
  }
  bystanders.push(...(await submitBystanders(system, 'second')));
  await system.cancel(bystanders.at(-1)?.task ?? freshTask());

  for (const bystander of bystanders) await expectUnaffected(system, bystander);
  const over = await overOf(system, pipeline);
  expect(over.phase).toMatchObject({ name: 'over', outcome: 'succeeded' });
  expect(await resultOf(system, over, 'check')).toBe('checked\n');
  await expectVictimsEnd(system, told);
  await expectToldOnce(system, told);
  await expectSameLists(system, intake.client, bystanders);
  const isQuiet = async () => (await hypervisor.list()).every(({ phase }) => phase === 'ready' || phase === 'creating');
  await eventually(isQuiet, { what: 'no VM of a task is left', limitMs: 60_000 });
  const found = await audit(hypervisor, taskLog(broker.bus, 'host-1'));
  expect({ ...found, vms: 0 }).toEqual({ vms: 0, leaked: [], missing: [], untold: [], unreadable: [] });
});

/** Deadlines hold over what nobody here can read; what says that it is the end is one. */
async function expectVictimsEnd(system: System, told: readonly Told[]): Promise<void> {
  const ofNewer = told.filter(
    ({ strange }) => strange.manner !== 'without our envelope' && !strange.pattern.includes('.created.'),
  );
  for (const { strange, victim } of ofNewer) {
    if (strange.pattern.startsWith('task.completed.') && strange.manner === 'of a newer version') continue;
    const end = await endOf(system, victim);
    expect({ strange, end }).toMatchObject({
      end: { data: { outcome: 'timed_out', error: { code: 'timed-out-total' } } },
    });
  }
}

/** For each type and each host once, however many there were. */
async function expectToldOnce(system: System, told: readonly Told[]): Promise<void> {
  const ofEvents = told.filter(({ strange }) => isOfEvents(strange.pattern));
  const isEvent = ({ strange: { pattern, manner } }: Told) =>
    manner === 'of a newer version' || (manner === 'of an unknown type' && newerPatterns.includes(pattern));
  const types = ofEvents.filter(isEvent).map(({ strange: { pattern } }) => pattern.replace(/\.\*.*/, ''));
  const foreign = ofEvents.filter((one) => !isEvent(one)).map(({ subject }) => factsOfSubject(subject)?.host ?? '');
  const wanted = {
    'newer-event': new Set([...types.map((type) => type.replaceAll('.', '-')), 'due-retry']),
    'foreign-message': new Set(foreign),
  };
  for (const [kind, ids] of Object.entries(wanted)) {
    const alertsOf = () => alertSubjects(system, kind);
    const idsOf = (subjects: Iterable<string>) => new Set([...subjects].map((subject) => subject.split('.')[4] ?? ''));
    const areAllTold = async () => {
      const found = idsOf((await alertsOf()).keys());
      return [...ids].every((id) => found.has(id));
    };
    await eventually(areAllTold, { what: `people hear of ${[...ids].join(', ')}` });
    const alerts = await alertsOf();
    expect(idsOf(alerts.keys())).toEqual(ids);
    for (const [subject, times] of alerts) expect({ subject, times }).toEqual({ subject, times: 1 });
  }
}

/** A list that was kept all the time, and one that is folded from the beginning. */
async function expectSameLists(
  system: System,
  kept: Awaited<ReturnType<typeof startIntake>>['client'],
  bystanders: readonly Bystander[],
): Promise<void> {
  await using fresh = await startIntake(system.broker);
  const listOf = async ({ tasks }: typeof kept) => {
    const { tasks: all } = await tasks.list({ limit: 500 });
    return new Map(all.map((task) => [task.id, { status: task.status, outcome: task.outcome }]));
  };
  const [old, anew] = [await listOf(kept), await listOf(fresh.client)];
  expect(anew).toEqual(old);
  for (const { task, outcome } of bystanders) expect(anew.get(task)).toEqual({ status: 'completed', outcome });
}
