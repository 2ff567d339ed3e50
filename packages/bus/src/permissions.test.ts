/** Who may say what, against the flow table: what a service has to publish it may, and what others decide it may not. */

import type { EventType } from '@vm-task/shared/events';
import { flow, ownInitiative, type ServiceName, services } from '@vm-task/shared/flow';
import { commandSubjects, eventPatterns, replaySubject, subjectMatches } from '@vm-task/shared/subjects';
import { describe, expect, test } from 'vitest';
import { permissionsOf } from './permissions.ts';

const may = (user: Parameters<typeof permissionsOf>[0], subject: string) =>
  permissionsOf(user).publish.some((pattern) => subjectMatches(pattern, subject.replaceAll('*', 'x')));

const eventTypes = Object.keys(eventPatterns) as EventType[];

/** An alert, and the end of a task whose message cannot be handled, are anybody's to tell. */
const everybodys: readonly EventType[] = ['alert.raised', 'task.completed'];

function emittedBy(service: ServiceName): Set<EventType> {
  const rows = Object.values(flow).filter((row) => row.service === service);
  return new Set([...rows.flatMap((row) => row.emits), ...ownInitiative[service], ...everybodys]);
}

describe.each(services)('%s', (service) => {
  test('may publish the events that are its own to tell, and no others', () => {
    const allowed = eventTypes.filter((type) => may(service, eventPatterns[type]));
    expect(allowed.sort()).toEqual([...emittedBy(service)].sort());
  });

  test('may change no stream', () => {
    for (const request of ['CREATE', 'UPDATE', 'DELETE']) {
      expect(may(service, `$JS.API.STREAM.${request}.EVENTS`), request).toBe(false);
    }
  });
});

test('intake alone decides about pipelines, and only the reaper forgets them', () => {
  const decisions = ['pipeline.created', 'pipeline.advanced', 'pipeline.cancelling', 'pipeline.completed'] as const;
  for (const type of decisions) expect(services.filter((one) => may(one, eventPatterns[type]))).toEqual(['intake']);
  expect(services.filter((one) => may(one, '$JS.API.STREAM.PURGE.EVENTS'))).toEqual(['reaper']);
});

test('intake alone asks for replays, and every service hears of its own', () => {
  const subject = replaySubject('runner-vm-ready');
  expect(services.filter((one) => may(one, subject))).toEqual(['intake']);
  const hears = (one: ServiceName) => permissionsOf(one).subscribe.some((pattern) => subjectMatches(pattern, subject));
  expect(services.filter(hears)).toEqual([...services]);
});

test('whoever may submit may give every command but the one that tasks give, and tell nothing', () => {
  const commands = Object.values(commandSubjects).filter((subject) => may('submit', subject));
  expect(commands.sort()).toEqual(
    ['deadletter.replay', 'pipeline.cancel', 'pipeline.submit', 'task.cancel', 'task.submit'].sort(),
  );
  expect(services.filter((one) => may(one, commandSubjects.spawn))).toEqual(['runner']);
  expect(eventTypes.filter((type) => may('submit', eventPatterns[type]))).toEqual([]);
});
