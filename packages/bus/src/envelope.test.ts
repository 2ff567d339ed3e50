import type { Draft } from '@vm-task/shared/events';
import { eventSubject } from '@vm-task/shared/subjects';
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
import { expect, test } from 'vitest';
import { eventId, seal, unseal } from './envelope.ts';

const task = sampleTask();
const vm = sampleVm();
const time = new Date('2026-07-01T12:00:00.000Z');
const awkward = `$(reboot) \`id\` "quotes" 'and' \\ \r\n\t 垃圾域名 🦀 \u2028 \u0007 -- ${'x'.repeat(100)}`;

/** As the stream hands back what was published. */
function throughTheStream(draft: Draft) {
  const id = eventId(draft, 7);
  const { payload, headers } = seal(draft, id, 'vm-task/host/test', time);
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
  const event = unseal(throughTheStream(draft));
  expect(event).toMatchObject({ ...draft, seq: 8, time, subject: eventSubject(draft), id: eventId(draft, 7) });
  expect(event.data).toEqual(draft.data);
});

test('every event carries the attributes of CloudEvents 1.0', () => {
  const { headers } = throughTheStream(created(task));
  const attributes = ['ce-specversion', 'ce-id', 'ce-type', 'ce-source', 'ce-time', 'content-type'];
  expect(attributes.map((name) => headers.get(name))).toEqual([
    '1.0',
    `task.created/${task}/7`,
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
  expect(eventId(vmGone(vm), null)).toBe(`vm.gone/${vm}`);
  expect(eventId(vmGone(vm, { task }), null)).toBe(`vm.gone/${vm}`);
  expect(eventId(alertRaised(), null)).toBe('alert.raised/pool-full/default');
});

test.each([
  ['is not JSON', '{"v":1', 'it is not JSON'],
  ['is empty', '', 'it is not JSON'],
  ['is of a version from another time', JSON.stringify({ ...created(task).data, v: 2 }), 'v: '],
  ['has a field that nobody knows', JSON.stringify({ ...created(task).data, more: 1 }), 'more'],
  ['names a task by something else than an id', JSON.stringify({ ...created(task).data, task: '../../etc' }), 'task: '],
  ['names a pool that would be a wildcard', JSON.stringify({ ...created(task).data, pool: '>' }), 'pool: '],
  ['is no object', '[]', 'expected object'],
])('an event that %s is unreadable, and the error says where it is and why', (_what, body, why) => {
  const message = { ...throughTheStream(created(task)), data: Buffer.from(body) };
  expect(() => unseal(message)).toThrow(expect.objectContaining({ code: 'unreadable-event' }));
  expect(() => unseal(message)).toThrow(`message 8 on task.created.default.${task} cannot be read`);
  expect(() => unseal(message)).toThrow(why);
});

test.each([['task.exploded'], ['constructor'], [undefined]])('an event of the type %s is unreadable', (type) => {
  const message = throughTheStream(created(task));
  if (type === undefined) message.headers.delete('ce-type');
  else message.headers.set('ce-type', type);
  expect(() => unseal(message)).toThrow(expect.objectContaining({ code: 'unreadable-event' }));
  expect(() => unseal({ ...message, headers: undefined })).toThrow('its type "" is unknown');
});
