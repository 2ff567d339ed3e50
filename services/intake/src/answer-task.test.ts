import type { Appended } from '@vm-task/bus/append';
import { questionSpec } from '@vm-task/pipelines/planning/manual-task';
import type { Answerers } from '@vm-task/shared/answerers';
import type { Stored } from '@vm-task/shared/events';
import { manualPool } from '@vm-task/shared/ids';
import { newTaskId } from '@vm-task/shared/new-ids';
import type { Principal } from '@vm-task/shared/people';
import { asNewer } from '@vm-task/testing/newer-events';
import { created } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { type Answer, answerTask } from './answer-task.ts';

const { signal } = new AbortController();

function ask(from: 'external' | 'approval', deadlineMs = 60_000, answerers?: Answerers) {
  const events = memoryEvents();
  const task = newTaskId(Date.now());
  const spec = questionSpec({
    from,
    text: 'Is it right?',
    answerers,
    deadlineMs,
    alertAfterMs: undefined,
    inputs: {},
    labels: {},
  });
  const asked = events.put(created(task, { pool: manualPool, spec, cause: { kind: 'pipeline', id: task } }));
  const clock = { ms: asked.time.getTime() };
  const bus = { ...events, now: async () => new Date(clock.ms) };
  const answer = (given: Answer & { principal?: Principal }) =>
    answerTask({ bus, findCreated: events.findCreated }, task, given, signal);
  return { events, task, clock, answer };
}

/** As the stream shows it afterwards: equal, and another object. */
function asRead(appended: Appended): Appended {
  if (appended.kind !== 'stored') return appended;
  return { kind: 'stored', event: { ...appended.event, data: structuredClone(appended.event.data) } as Stored };
}

const approve: Answer = { kind: 'approve', by: 'li@desk', comment: '可以' };

test('an answer is the end of its task, and a second one is told how it ended', async () => {
  const { events, answer } = ask('external');
  expect(await answer({ kind: 'complete', result: { n: 1 } })).toEqual({ kind: 'stored', seq: 2 });
  expect(events.stored[1]).toMatchObject({
    type: 'task.completed',
    data: { outcome: 'succeeded', result: { kind: 'json', source: 'answer', value: { n: 1 } } },
  });
  expect(await answer({ kind: 'complete', result: { n: 2 } })).toEqual({ kind: 'over', outcome: 'succeeded' });
  expect(events.stored).toHaveLength(2);
});

test('of two answers at one time exactly one counts', async () => {
  const { events, answer } = ask('approval');
  const reject: Answer = { kind: 'reject', by: 'wang@desk', comment: 'not yet' };
  const answered = await Promise.all([answer(approve), answer(reject)]);
  expect(answered.map(({ kind }) => kind).sort()).toEqual(['over', 'stored']);
  expect(events.stored).toHaveLength(2);
});

test('an answer whose acknowledgement was lost is found in the stream, and is still an answer that was taken', async () => {
  const { events, task } = ask('approval');
  const asked = events.stored[0];
  if (asked === undefined) throw new Error('nobody was asked');
  const append: typeof events.append = async (...given) => asRead(await events.append(...given));
  const bus = { ...events, append, now: async () => asked.time };
  const answering = answerTask({ bus, findCreated: events.findCreated }, task, approve, signal);
  expect(await answering).toEqual({ kind: 'stored', seq: 2 });
});

test('who decided is kept, with the comment; a rejection fails the stage with both', async () => {
  const yes = ask('approval');
  await yes.answer(approve);
  const value = { approved: true, by: 'li@desk', comment: '可以' };
  expect(yes.events.stored[1]).toMatchObject({ data: { outcome: 'succeeded', result: { value } } });
  const no = ask('approval');
  await no.answer({ kind: 'reject', by: 'li@desk', comment: 'wrong list' });
  const error = { code: 'rejected', message: 'rejected by li@desk: wrong list' };
  expect(no.events.stored[1]).toMatchObject({ data: { outcome: 'failed', error } });
});

const token = (name: string): Principal => ({ kind: 'token', name });

test('with approvers nobody else answers, whatever they answer and whatever way it comes; who did is kept', async () => {
  const { events, answer, task } = ask('approval', 60_000, { only: ['anna', 'berta'] });
  const may = `task ${task} may be answered by "anna" or "berta" only; `;
  const others: [Principal | undefined, string][] = [
    [token('ci'), 'this is the token "ci"'],
    [{ kind: 'nats', name: 'anna' }, 'this comes with no token'],
    [undefined, 'this comes with no token'],
  ];
  for (const [principal, who] of others) {
    for (const kind of ['approve', 'reject'] as const) {
      const refused = answer({ ...approve, kind, ...(principal === undefined ? {} : { principal }) });
      await expect(refused).rejects.toMatchObject({ code: 'forbidden', message: `${may}${who}` });
    }
  }
  expect(events.stored).toHaveLength(1);
  expect(await answer({ ...approve, principal: token('berta') })).toMatchObject({ kind: 'stored' });
  expect(events.stored[1]).toMatchObject({ data: { outcome: 'succeeded', principal: token('berta') } });
});

test('where everybody may but who submitted it, that one may not, and what has no token is nobody', async () => {
  const { answer, task } = ask('external', 60_000, { allBut: 'ci' });
  const complete = { kind: 'complete', result: 1 } as const;
  const message = `task ${task} may be answered by any operator but "ci", which submitted the pipeline; this is the token "ci"`;
  await expect(answer({ ...complete, principal: token('ci') })).rejects.toMatchObject({ code: 'forbidden', message });
  await expect(answer(complete)).rejects.toMatchObject({ code: 'forbidden' });
  expect(await answer({ ...complete, principal: token('ops') })).toMatchObject({ kind: 'stored' });
});

test('after the deadline nothing is taken, whether the task has been ended or not', async () => {
  const { clock, answer } = ask('approval', 1_000);
  clock.ms += 1_001;
  await expect(answer(approve)).rejects.toMatchObject({ code: 'answer-too-late' });
});

test('behind an event of a newer version nobody answers', async () => {
  const { events, task } = ask('external');
  const asked = events.stored[0];
  if (asked === undefined) throw new Error('nobody was asked');
  const bus = { ...events, head: async () => asNewer(asked), now: async () => asked.time };
  const answering = answerTask({ bus, findCreated: events.findCreated }, task, { kind: 'complete', result: 1 }, signal);
  await expect(answering).rejects.toMatchObject({ code: 'newer-event' });
});

test('an answer of the wrong kind is refused with the right one', async () => {
  const { answer, task } = ask('external');
  const message = `task ${task} takes no "approve": it waits for ./vm-task complete ${task}`;
  await expect(answer(approve)).rejects.toMatchObject({ code: 'not-answerable', message });
});

test('a result may have 256 KiB', async () => {
  const { answer } = ask('external');
  const result = 'x'.repeat(256 * 1024);
  await expect(answer({ kind: 'complete', result })).rejects.toMatchObject({ code: 'result-too-large' });
});
