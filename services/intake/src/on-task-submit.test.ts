import type { Handling } from '@vm-task/bus/bus';
import type { RawMessage } from '@vm-task/bus/envelope';
import { silentLogger } from '@vm-task/service/log';
import type { Draft } from '@vm-task/shared/events';
import { expect, test } from 'vitest';
import { memoryEvents } from '../test/memory-events.ts';
import { config } from '../test/task-events.ts';
import { onTaskSubmit } from './on-task-submit.ts';

const room = { refusal: async () => null };

function command(text: string | Uint8Array, seq = 7): Handling<RawMessage> {
  const event = {
    seq,
    subject: 'task.submit',
    time: new Date(1_000_000),
    headers: undefined,
    data: Buffer.from(text as string),
  };
  return { event, head: null, deliveries: 1, signal: new AbortController().signal, log: silentLogger };
}

test('a task file becomes a task whose id follows from the command', async () => {
  const events = memoryEvents();
  const deps = { config, admission: room, findCreated: events.findCreated };
  const first = await onTaskSubmit(deps, command('{"run":"echo hi"}'));
  const again = await onTaskSubmit(deps, command('{"run":"echo hi"}'));
  expect(first).toMatchObject({
    kind: 'done',
    expectedSeq: 0,
    event: { type: 'task.created', data: { pool: 'default', cause: { kind: 'command', id: '7' } } },
  });
  expect(again).toEqual(first);
  const other = await onTaskSubmit(deps, command('{"run":"echo hi"}', 8));
  expect(other).not.toMatchObject({
    event: { data: { task: (first as { event: Draft<'task.created'> }).event.data.task } },
  });
});

test('a redelivery after success makes neither a second task nor a dead letter, whatever the configuration is now', async () => {
  const events = memoryEvents();
  const deps = { config, admission: room, findCreated: events.findCreated };
  const submit = command('{"run":"echo hi","pool":"default"}');
  const outcome = await onTaskSubmit(deps, submit);
  if (outcome.kind !== 'done' || outcome.event === null) throw new Error('not accepted');
  await events.append(outcome.event, outcome.expectedSeq ?? -1, submit.signal);
  const withoutPools = { ...deps, config: { ...config, pools: {} } };
  expect(await onTaskSubmit(withoutPools, submit)).toMatchObject({ kind: 'done', event: null });
});

test.each<[string | Uint8Array, RegExp]>([
  ['{"runn":"x"}', /invalid-task: runn: unknown key; did you mean "run"\?/],
  ['{"run":"x","pool":"defualt"}', /pool-not-found: .*did you mean "default"/],
  ['{"run":"x","resources":{"memoryMiB":999999}}', /no-size-fits: /],
  ['[]', /invalid-task: /],
  ['run: echo', /unreadable-event: message 7 on task.submit is not JSON/],
  ['{"run":"x","inputs":{"n":9007199254740993}}', /message 7 on task.submit .*9007199254740993 .* in quotes/],
  ['{"run":"x","run":"y"}', /message 7 on task.submit .*"run" is there twice/],
  [Uint8Array.of(0x22, 0xfc, 0x22), /message 7 on task.submit .*has to be UTF-8, and is not from byte 2 on/],
])('%s is rejected with a sentence', async (text, reason) => {
  const deps = { config, admission: room, findCreated: memoryEvents().findCreated };
  const outcome = await onTaskSubmit(deps, command(text));
  expect(outcome).toMatchObject({ kind: 'reject', reason: expect.stringMatching(reason) });
});

test('without room the command waits in its stream', async () => {
  const full = { refusal: async () => 'the disk is full' };
  const deps = { config, admission: full, findCreated: memoryEvents().findCreated };
  expect(await onTaskSubmit(deps, command('{"run":"x"}'))).toMatchObject({ kind: 'retry', reason: 'the disk is full' });
});
