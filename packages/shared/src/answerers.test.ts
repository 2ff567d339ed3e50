import { created, sampleSpec, sampleTask } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import type { Answerers } from './answerers.ts';
import { answerersText } from './answerers-text.ts';
import { eventSchemas } from './events.ts';
import { asWritten } from './features.ts';
import { readAs, readEventData } from './read-event.ts';
import { eventVersionOf } from './task-spec.ts';
import { tolerant } from './tolerant.ts';

function asking(answerers?: Answerers) {
  const main = { kind: 'answer' as const, from: 'approval' as const, text: '', ...(answerers && { answerers }) };
  const spec = { ...sampleSpec, main };
  return created(sampleTask(), { v: eventVersionOf(spec), spec }).data;
}

test('a question for certain people is of a version that an older service does not read, so it takes no answer', () => {
  const restricted = asking({ only: ['anna'] });
  expect(readEventData('task.created', restricted)).toEqual({ kind: 'read', data: restricted });
  const older = { version: 1, asTheyAre: new Set([1]), schema: tolerant(eventSchemas['task.created']), upcasters: {} };
  expect(readAs(older, restricted)).toMatchObject({ kind: 'unknown' });
  expect(() => asWritten('task.created', restricted, '0.2.0-rc.1')).toThrow(
    'version 2 of task.created is not switched on',
  );
  expect(asWritten('task.created', restricted, '0.2.0-rc.2')).toEqual(restricted);
});

test('a question for everybody is written and read as it always was', () => {
  const open = asking();
  expect(open.v).toBe(1);
  expect(asWritten('task.created', open, null)).toEqual(open);
  expect(readEventData('task.created', open)).toEqual({ kind: 'read', data: open });
});

test('who may answer is said in words', () => {
  expect(answerersText({ only: ['anna'] })).toBe('"anna" only');
  expect(answerersText({ only: ['anna', 'berta', 'li'] })).toBe('"anna", "berta" or "li" only');
});
