import { anyHost, type Draft } from '@vm-task/shared/events';
import { eventSubject, eventsOf } from '@vm-task/shared/subjects';
import {
  alertRaised,
  cancelling,
  completed,
  created,
  resumed,
  sampleSpec,
  sampleTask,
  sampleVm,
  setupDone,
  vmGone,
  vmReady,
} from '@vm-task/testing/sample-events';
import { storedIn } from '@vm-task/testing/stored';
import { expect, test } from 'vitest';
import { decode, encode, eventId, type RawMessage } from './envelope.ts';

const task = sampleTask();
const vm = sampleVm();
const time = new Date('2026-07-01T12:00:00.000Z');
const awkward = `$(reboot) \`id\` "quotes" 'and' \\ \r\n\t 垃圾域名 🦀 \u2028 \u0007 -- ${'x'.repeat(100)}`;

/** As the stream hands back what was published. */
function throughTheStream(draft: Draft) {
  const id = eventId(draft, 7);
  const { payload, headers } = encode(draft, id, 'vm-task/host/test', time);
  if ('task' in draft.data && draft.type !== 'vm.gone') {
    headers.set('Nats-Expected-Last-Subject-Sequence', '7');
    headers.set('Nats-Expected-Last-Subject-Sequence-Subject', eventsOf({ pool: 'default', task }));
  }
  return { seq: 8, subject: eventSubject(draft), time, headers, data: payload };
}

const drafts: readonly Draft[] = [
  created(task),
  created(task, {
    spec: {
      ...sampleSpec,
      main: { kind: 'command', argv: [awkward, ''] },
      stdin: awkward,
      inputs: { [awkward]: [awkward, null, 1.5, true, { deep: [] }] },
      env: { A: awkward },
      setup: [
        { kind: 'git', url: 'https://example.org/x', path: 'repo', ref: 'main' },
        { kind: 'run', script: awkward },
      ],
    },
  }),
  vmReady(task),
  resumed(task, vm),
  setupDone(task),
  cancelling(task, { reason: awkward }),
  completed(task),
  completed(task, { result: { kind: 'json', source: 'file', value: { text: awkward } }, vm, signal: 'SIGKILL' }),
  vmGone(vm, { task }),
  alertRaised({ text: awkward }),
];

test.each(drafts.map((draft) => [draft.type, draft] as const))('%s comes back as it was sent', (_type, draft) => {
  const event = storedIn(throughTheStream(draft));
  expect(event).toMatchObject({ ...draft, seq: 8, time, subject: eventSubject(draft), id: eventId(draft, 7) });
  expect(event.data).toEqual(draft.data);
});

test('every event carries the attributes of CloudEvents 1.0', () => {
  const { headers } = throughTheStream(created(task));
  const attributes = ['ce-specversion', 'ce-id', 'ce-type', 'ce-source', 'ce-time', 'content-type'];
  expect(attributes.map((name) => headers.get(name))).toEqual([
    '1.0',
    `task.created/${task}/7/any`,
    'task.created',
    'vm-task/host/test',
    '2026-07-01T12:00:00.000Z',
    'application/json',
  ]);
});

test('the id of an event follows from the decision, not from who made it or with what data', () => {
  expect(eventId(vmReady(task), 3)).toBe(eventId(vmReady(task), 3));
  const others = [vmReady(task), vmReady(sampleTask()), completed(task)].map((draft) => eventId(draft, 3));
  expect(new Set([...others, eventId(vmReady(task), 4)]).size).toBe(4);
  expect(eventId(vmGone(vm), null)).toBe(`vm.gone/${vm}/host-1`);
  expect(eventId(vmGone(vm, { task }), null)).toBe(`vm.gone/${vm}/host-1`);
  expect(eventId(alertRaised(), null)).toBe('alert.raised/pool-full/default/any');
});

test.each([
  ['is not JSON', '{"v":1', 'it is no object'],
  ['is empty', '', 'it is no object'],
  ['is of a version from another time', JSON.stringify({ ...created(task).data, v: 3 }), 'its version is 3, and 2'],
  ['names a task by something else than an id', JSON.stringify({ ...created(task).data, task: '../../etc' }), 'task: '],
  ['names a pool that would be a wildcard', JSON.stringify({ ...created(task).data, pool: '>' }), 'pool: '],
  ['has no version', '{}', 'it has no version'],
])('an event that %s is unknown, and says why', (_what, body, why) => {
  const message = { ...throughTheStream(created(task)), data: Buffer.from(body) };
  const event = { type: 'unknown', said: 'task.created', seq: 8, host: anyHost, why: expect.stringContaining(why) };
  expect(decode(message)).toMatchObject({ kind: 'event', event });
});

test('a field of a newer version, and a newer value of a list, are passed over', () => {
  const data = { ...completed(task).data, more: 1, outcome: 'postponed', error: { code: 'novel', message: 'x' } };
  const message = { ...throughTheStream(completed(task)), data: Buffer.from(JSON.stringify(data)) };
  expect(storedIn(message)).toMatchObject({ data: { task, outcome: 'postponed', error: { code: 'novel' } } });
});

test('an event of a type that is not known is unknown, with what it is about', () => {
  const { headers, ...message } = throughTheStream(created(task));
  headers.set('ce-type', 'task.exploded');
  const subject = `task.exploded.default.${task}.host-1`;
  expect(decode({ ...message, headers, subject })).toMatchObject({
    kind: 'event',
    event: { type: 'unknown', said: 'task.exploded', host: 'host-1', version: 1 },
  });
});

type Message = ReturnType<typeof throughTheStream>;
const withHeader = (name: string, value: string) => (message: Message) => {
  message.headers.set(name, value);
  return message;
};

test.each<[string, (message: Message) => RawMessage]>([
  ['has no headers', (message) => ({ ...message, headers: undefined })],
  ['has another type than its subject', withHeader('ce-type', 'vm.ready')],
  ['has no id', withHeader('ce-id', '')],
  ['is a copy that the broker made', withHeader('Nats-Sequence', '3')],
  ['expects nothing', withHeader('Nats-Expected-Last-Subject-Sequence', '')],
  ['expects something else', withHeader('Nats-Expected-Last-Subject-Sequence-Subject', 'task.created.*.*.*')],
  ['is about another task', (message) => ({ ...message, data: throughTheStream(created(sampleTask())).data })],
  ['has a subject of no event', (message) => ({ ...message, subject: `task.created.default.${task}` })],
])('a message that %s is no event', (_what, alter) => {
  expect(decode(alter(throughTheStream(created(task))))).toMatchObject({ kind: 'none' });
});
