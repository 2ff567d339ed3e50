/**
 * What each user of the broker may do: a service publishes the events that the flow table gives it and reads the
 * streams that it works on, the submitter publishes commands, and only `system` changes streams
 * and tells what became of the broker.
 */

import type { EventType } from '@vm-task/shared/events';
import { flow, ownInitiative, type ServiceName } from '@vm-task/shared/flow';
import type { StreamName } from '@vm-task/shared/stream-name';
import {
  commandSubjects,
  duePatterns,
  eventPatterns,
  inboxPattern,
  replaySubject,
  timerPatterns,
} from '@vm-task/shared/subjects';
import type { BrokerUser } from './credentials.ts';

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** The streams that a service reads messages of, besides those of its rows in the flow table. */
const alsoReads: Readonly<Record<ServiceName, readonly StreamName[]>> = {
  intake: ['LOGS', 'INBOX'],
  provisioner: [],
  runner: ['COMMANDS', 'LOGS', 'INBOX'],
  reaper: ['LOGS', 'TIMERS'],
};

const objectStore = (name: string): readonly string[] => [`$O.${name}.>`, ...read(`OBJ_${name}`), purge(`OBJ_${name}`)];
const bucket = (name: string): readonly string[] => [`$KV.${name}.>`, ...read(`KV_${name}`)];

const extras: Readonly<Record<ServiceName, readonly string[]>> = {
  intake: [
    ...objectStore('artifacts'),
    ...bucket('idempotency'),
    ...bucket('processed'),
    ...bucket('templates'),
    commandSubjects.replay,
    replaySubject('*'),
    inboxPattern,
  ],
  provisioner: [],
  runner: ['log.*.*.*', ...objectStore('artifacts'), inboxPattern, commandSubjects.spawn],
  reaper: [
    timerPatterns.retry,
    duePatterns.retry,
    purge('EVENTS'),
    purge('LOGS'),
    purge('TIMERS'),
    ...objectStore('artifacts'),
  ],
};

/** Only a runner knows which task is asking for another one. */
const submitterCommands = Object.values(commandSubjects).filter((subject) => subject !== commandSubjects.spawn);

/** Asks the broker what oneself may do. */
export const ownRights = '$SYS.REQ.USER.INFO';

export function permissionsOf(user: BrokerUser): Permissions {
  const subscribe = [`_INBOX_${user}.>`];
  if (user === 'system') {
    return { publish: ['$JS.API.>', '$KV.>', '$O.>', eventPatterns['alert.raised'], ownRights], subscribe };
  }
  if (user === 'submit') return { publish: [...submitterCommands, ownRights], subscribe };
  // Every worker may be asked to handle again what it could not handle before.
  return { publish: [...new Set(publishedBy(user))], subscribe: [...subscribe, replaySubject('*')] };
}

function publishedBy(service: ServiceName): readonly string[] {
  const rows = Object.values(flow).filter((row) => row.service === service);
  const events = new Set<EventType>([...rows.flatMap((row) => row.emits), ...ownInitiative[service]]);
  // Every worker may have to tell people about a message that it cannot handle, and to end that message's task.
  const always: EventType[] = ['alert.raised', 'task.completed'];
  const streams = new Set<StreamName>(['EVENTS', 'DEAD', ...rows.map((row) => row.stream), ...alsoReads[service]]);
  return [
    ...[...events, ...always].map((type) => eventPatterns[type]),
    `dead.*.*.*`,
    '$JS.API.STREAM.MSG.DELETE.DEAD',
    ...[...streams].flatMap(read),
    '$JS.API.STREAM.INFO.*',
    ownRights,
    ...extras[service],
  ];
}

/** Reading a stream: its state, single messages through its leader, and consumers of one's own. */
function read(stream: string): readonly string[] {
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.API.DIRECT.GET.${stream}`,
    // Those with several filters are made without them in the subject, under the older names.
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.>`,
    `$JS.ACK.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ];
}

function purge(stream: string): string {
  return `$JS.API.STREAM.PURGE.${stream}`;
}
