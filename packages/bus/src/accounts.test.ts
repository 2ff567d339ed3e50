/** Who may say what, against the flow table: what a service has to publish it may, and what others decide it may not. */
import type { EventType } from '@vm-task/shared/events';
import { flow, ownInitiative } from '@vm-task/shared/flow';
import { controlServices, hostServices, type ServiceName, services } from '@vm-task/shared/roles';
import { auditSubject, commandSubjects, eventPatterns, replaySubject, subjectMatches } from '@vm-task/shared/subjects';
import { describe, expect, test } from 'vitest';
import { accountsFor, hostApiPrefix, permissionsOf } from './accounts.ts';
import { brokerUsers } from './credentials.ts';
import { streams } from './streams.ts';

const scope = { host: 'host-1', pools: ['default', 'large'] };

const may = (user: Parameters<typeof permissionsOf>[0], subject: string) =>
  permissionsOf(user, scope).publish.some((pattern) => subjectMatches(pattern, subject.replaceAll('*', 'x')));

/** The pattern with another last token. */
const from = (pattern: string, host: string) => pattern.replace(/\*$/, host);

const eventTypes = Object.keys(eventPatterns) as EventType[];

/** What the services have to tell; an alert is anybody's. */
function emittedBy(some: readonly ServiceName[]): EventType[] {
  const rows = Object.values(flow).filter((row) => some.includes(row.service));
  const own = some.flatMap((service) => ownInitiative[service]);
  return [...new Set<EventType>([...rows.flatMap((row) => row.emits), ...own, 'alert.raised'])].sort();
}

describe.each(controlServices)('%s, of control', (service) => {
  test('may publish the events that are its own to tell, and no others', () => {
    const allowed = eventTypes.filter((type) => may(service, eventPatterns[type]));
    expect(allowed.sort()).toEqual(emittedBy([service]));
  });
});

describe.each(hostServices)('%s, of a host', (service) => {
  test("may publish what its host has to tell, in its host's name, and nothing else", () => {
    const allowed = (host: string) => eventTypes.filter((type) => may(service, from(eventPatterns[type], host))).sort();
    expect(allowed('host-1')).toEqual(emittedBy(hostServices));
    for (const another of ['any', 'host-2']) expect(allowed(another)).toEqual([]);
  });

  test('may use the durables that are there for it, and make none', () => {
    const asks = (request: string) => may(service, `${hostApiPrefix}.${request}`);
    for (const name of ['created-pool-large', 'created-host-host-1', 'runner-host-1']) {
      expect(asks(`CONSUMER.MSG.NEXT.EVENTS.${name}`), name).toBe(true);
    }
    for (const name of ['runner-host-2', 'reaper-task-retrying']) {
      expect(asks(`CONSUMER.MSG.NEXT.EVENTS.${name}`), name).toBe(false);
    }
    for (const request of ['CONSUMER.CREATE.EVENTS', 'CONSUMER.CREATE.EVENTS.x', 'STREAM.PURGE.EVENTS']) {
      expect(asks(request), request).toBe(false);
    }
  });
});

test.each(services)('%s may change no stream', (service) => {
  for (const prefix of ['$JS.API', hostApiPrefix]) {
    for (const request of ['CREATE', 'UPDATE', 'DELETE']) {
      expect(may(service, `${prefix}.STREAM.${request}.EVENTS`), request).toBe(false);
    }
  }
});

test('intake alone decides about pipelines, and only the reaper forgets them', () => {
  const decisions = ['pipeline.created', 'pipeline.advanced', 'pipeline.cancelling', 'pipeline.completed'] as const;
  for (const type of decisions) expect(services.filter((one) => may(one, eventPatterns[type]))).toEqual(['intake']);
  expect(services.filter((one) => may(one, '$JS.API.STREAM.PURGE.EVENTS'))).toEqual(['reaper']);
});

test('the reaper alone says which additions to the events are on, and everybody may look', () => {
  expect(services.filter((one) => may(one, '$KV.features.events'))).toEqual(['reaper']);
  const looks = (prefix: string) => services.filter((one) => may(one, `${prefix}.STREAM.MSG.GET.KV_features`));
  expect([looks('$JS.API'), looks(hostApiPrefix)]).toEqual([
    ['intake', 'reaper'],
    ['provisioner', 'runner'],
  ]);
});

test('intake alone says which teams are at a quota, and hosts look', () => {
  expect(services.filter((one) => may(one, '$KV.quotas.refusals'))).toEqual(['intake']);
  const looks = services.filter((one) => may(one, `${hostApiPrefix}.STREAM.MSG.GET.KV_quotas`));
  expect(looks).toEqual(['provisioner', 'runner']);
});

test('intake alone sets secrets, and a host asks for those that are encrypted for it and no others', () => {
  expect(services.filter((one) => may(one, '$KV.secrets.host-1.key'))).toEqual(['intake']);
  const asks = (request: string) =>
    services.filter((one) => [hostApiPrefix, '$JS.API'].some((prefix) => may(one, `${prefix}.${request}`)));
  const direct = (host: string) => asks(`DIRECT.GET.KV_secrets.$KV.secrets.${host}.key`);
  expect(direct('host-1')).toEqual(['intake', 'provisioner', 'runner']);
  for (const host of ['host-2', 'any']) expect(direct(host)).toEqual(['intake']);
  expect(asks('DIRECT.GET.KV_secrets')).toEqual([]);
  expect(asks('STREAM.MSG.GET.KV_secrets')).toEqual(['intake']);
});

test('intake alone reads and writes who may ask for what', () => {
  const mays = (subject: string) => services.filter((one) => may(one, subject));
  for (const bucket of ['tokens', 'teamtemplates']) {
    for (const subject of [`$KV.${bucket}.x`, `$JS.API.CONSUMER.CREATE.KV_${bucket}`])
      expect(mays(subject)).toEqual(['intake']);
    expect(mays(`${hostApiPrefix}.STREAM.MSG.GET.KV_${bucket}`)).toEqual([]);
  }
});

test('intake alone writes and reads the audit log, and it may not remove anything of it', () => {
  const mays = (subject: string) => services.filter((one) => may(one, subject));
  for (const subject of [
    auditSubject('home'),
    auditSubject(null),
    '$JS.API.CONSUMER.CREATE.AUDIT',
    '$JS.API.STREAM.MSG.GET.AUDIT',
  ])
    expect(mays(subject), subject).toEqual(['intake']);
  for (const request of ['STREAM.MSG.DELETE', 'STREAM.PURGE', 'STREAM.DELETE', 'STREAM.UPDATE'])
    expect(mays(`$JS.API.${request}.AUDIT`), request).toEqual([]);
  expect(mays(`${hostApiPrefix}.STREAM.MSG.GET.AUDIT`)).toEqual([]);
  expect(may('submit', auditSubject('home'))).toBe(false);
  expect(streams.AUDIT).toMatchObject({ deny_delete: true, deny_purge: true, discard: 'old' });
});

test('intake alone asks for replays, and every service hears of its own', () => {
  const subject = (host: string) => replaySubject('a-worker', host);
  expect(services.filter((one) => may(one, subject('host-1')))).toEqual(['intake']);
  const hears = (one: ServiceName, host: string) =>
    permissionsOf(one, scope).subscribe.some((pattern) => subjectMatches(pattern, subject(host)));
  expect(services.filter((one) => hears(one, 'any'))).toEqual(['intake', 'reaper']);
  expect(services.filter((one) => hears(one, 'host-1'))).toEqual(['provisioner', 'runner']);
});

test('whoever may submit may give every command but those that tasks give, and tell nothing', () => {
  const commands = Object.values(commandSubjects).filter((subject) => may('submit', subject));
  expect(commands.sort()).toEqual(
    ['deadletter.replay', 'pipeline.cancel', 'pipeline.submit', 'task.cancel', 'task.submit'].sort(),
  );
  for (const subject of [commandSubjects.spawn, commandSubjects.readMessage]) {
    expect(services.filter((one) => may(one, from(subject, 'host-1')))).toEqual(['provisioner', 'runner']);
    expect(services.filter((one) => may(one, from(subject, 'any')))).toEqual([]);
  }
  expect(eventTypes.filter((type) => may('submit', eventPatterns[type]))).toEqual([]);
});

test('only control has the streams, and what others reach there is exported to them by name', () => {
  const users = brokerUsers.map((user) => ({ user, password: 'p' }));
  const accounts = accountsFor(users, scope);
  expect(Object.keys(accounts)).toEqual(['MAIN', 'SUBMIT', 'HOST_host-1', 'SYS']);
  expect(Object.entries(accounts).filter(([, { jetstream }]) => jetstream !== undefined)).toHaveLength(1);
  const usersOf = (name: string) => accounts[name]?.users?.map(({ user }) => user);
  expect(usersOf('MAIN')).toEqual(['system', 'intake', 'reaper']);
  expect(usersOf('SUBMIT')).toEqual(['submit']);
  expect(usersOf('HOST_host-1')).toEqual(['provisioner', 'runner']);
  const exported = accounts.MAIN.exports as { service: string; accounts: string[] }[];
  expect(exported.filter((one) => one.accounts.length !== 1)).toEqual([]);
});
