/**
 * Who may speak to the broker, and about what. The control side is one account, `MAIN`, which has the streams. Whoever
 * submits, and each host, has an account of its own without any: what it may say and ask are exactly the services that
 * `MAIN` exports to it. So a reply subject that it names is a subject of its own account, and the broker cannot be made
 * to speak for it on one of `MAIN`'s.
 */
import { anyHost, type EventType } from '@vm-task/shared/events';
import { consumerFor, type FlowRow, flow, ownInitiative } from '@vm-task/shared/flow';
import { type controlServices, hostServices, type ServiceName } from '@vm-task/shared/roles';
import type { StreamName } from '@vm-task/shared/stream-name';
import {
  auditPattern,
  commandSubjects,
  deadPattern,
  duePatterns,
  eventPatterns,
  inboxPattern,
  logPattern,
  replaySubject,
  timerPatterns,
} from '@vm-task/shared/subjects';
import type { BrokerUser } from './credentials.ts';
import { artifactsOf } from './streams.ts';

/** Hosts and pools that there are: durables are used by their exact names. */
export interface Scope {
  readonly host: string;
  readonly pools: readonly string[];
}

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** A question may be answered where it says. */
  readonly allow_responses?: true;
}

/** Asks the broker what oneself may do. */
export const ownRights = '$SYS.REQ.USER.INFO';

/** A subject of one account that another one may send to, and what it is called there. */
interface Service {
  readonly subject: string;
  readonly as: string;
  /** More than one message answers. */
  readonly isStream: boolean;
}

/** Under this the broker's API is for a host: an account's own `$JS.API` may be its own one day. */
export const hostApiPrefix = 'VMT.API';

export function isHostUser(user: BrokerUser): boolean {
  return hostServices.some((service) => service === user);
}

/** What a user may publish and subscribe to in its own account. */
export function permissionsOf(user: BrokerUser, scope: Scope): Permissions {
  const inbox = `_INBOX_${user}.>`;
  switch (user) {
    case 'system':
      return {
        publish: ['$JS.API.>', '$KV.>', '$O.>', `alert.raised.*.*.*.${anyHost}`, ownRights],
        subscribe: [inbox],
      };
    case 'submit':
      // Any client's own inbox will do: nobody else is in this account.
      return { publish: [...submitServices().map(({ as }) => as), ownRights], subscribe: [inbox, '_INBOX.>'] };
    case 'intake':
    case 'reaper':
      return worker([...publishedByControl(user)], [inbox, replaySubject('*', anyHost)]);
    default:
      return worker(
        hostServicesOf(scope).map(({ as }) => as),
        [inbox, replaySubject('*', scope.host)],
      );
  }
}

/** Every worker may be asked to handle again what it could not handle before. */
function worker(publish: readonly string[], subscribe: readonly string[]): Permissions {
  return { publish: [...new Set([...publish, ownRights])], subscribe, allow_responses: true };
}

/** Of the server's configuration; the server knows more of an account than is named here. */
export type Accounts = Record<string, Account> & { MAIN: Account & { users: User[] } };

interface Account {
  users?: User[];
  jetstream?: 'enabled';
  exports?: ExportedService[];
  imports?: ImportedService[];
}

export interface ExportedService {
  readonly service: string;
  /** One may be given to each of these only. */
  readonly accounts: readonly string[];
  readonly response_type?: 'stream';
}

export interface ImportedService {
  readonly service: { readonly account: string; readonly subject: string };
  readonly to: string;
}

interface User {
  user: string;
  password: string;
  permissions?: Permissions;
}

/** The `accounts` of the server's configuration, for these users and their passwords. */
export function accountsFor(
  users: readonly { readonly user: BrokerUser; readonly password: string }[],
  scope: Scope,
): Accounts {
  const withRights = users.map(({ user, password }) => ({ user, password, permissions: permissionsOf(user, scope) }));
  const usersOf = (name: string) => withRights.filter(({ user }) => accountNameOf(user, scope) === name);
  const host = hostAccount(scope);
  const [submits, hosts, replays] = [submitServices(), hostServicesOf(scope), [plain(replaySubject('*', scope.host))]];
  return {
    MAIN: {
      jetstream: 'enabled',
      users: usersOf('MAIN'),
      exports: [...exportsTo('SUBMIT', submits), ...exportsTo(host, hosts)],
      imports: importsOf(host, replays),
    },
    SUBMIT: { users: usersOf('SUBMIT'), imports: importsOf('MAIN', submits) },
    [host]: { users: usersOf(host), exports: exportsTo('MAIN', replays), imports: importsOf('MAIN', hosts) },
    SYS: {},
  };
}

/** The account that a user belongs to. */
export function accountNameOf(user: BrokerUser, scope: Scope): string {
  if (user === 'submit') return 'SUBMIT';
  return isHostUser(user) ? hostAccount(scope) : 'MAIN';
}

function hostAccount({ host }: Scope): string {
  return `HOST_${host}`;
}

function exportsTo(account: string, services: readonly Service[]): ExportedService[] {
  return services.map(({ subject, isStream }) => ({
    service: subject,
    accounts: [account],
    ...(isStream ? { response_type: 'stream' } : {}),
  }));
}

function importsOf(account: string, services: readonly Service[]): ImportedService[] {
  return services.map(({ subject, as }) => ({ service: { account, subject }, to: as }));
}

/** Only a host knows which task is asking for another one. */
function submitServices(): Service[] {
  const { submit, cancel, submitPipeline, cancelPipeline, replay } = commandSubjects;
  return [submit, cancel, submitPipeline, cancelPipeline, replay].map(plain);
}

function plain(subject: string): Service {
  return { subject, as: subject, isStream: false };
}

/** Whatever a host says ends in its own name; what it reads it cannot change, and durables are made for it. */
function hostServicesOf({ host, pools }: Scope): Service[] {
  const rows = rowsOf(hostServices);
  const durables = rows.flatMap((row) => {
    if (row.consumer === null) return [];
    const named = { ...row, consumer: row.consumer };
    return row.consumer.includes('<pool>')
      ? pools.map((pool) => consumerFor(named, { pool }))
      : [consumerFor(named, { host })];
  });
  const own = (pattern: string) => pattern.replace(/\*$/, host);
  const says = [
    ...eventTypesOf(hostServices).map((type) => own(eventPatterns[type])),
    ...[logPattern, inboxPattern, deadPattern, commandSubjects.spawn, commandSubjects.readMessage].map(own),
    `$KV.hosts.${host}`,
    `$O.${artifactsOf(host)}.>`,
    ...durables.map(({ stream, name }) => `$JS.ACK.${stream}.${name}.>`),
  ];
  const reads = [...readBy(hostServices), 'KV_hosts', 'KV_features', 'KV_quotas', `OBJ_${artifactsOf(host)}`];
  const asks = [
    ...reads.flatMap((stream) => [`STREAM.INFO.${stream}`, `STREAM.MSG.GET.${stream}`]),
    ...durables.map(({ stream, name }) => `CONSUMER.INFO.${stream}.${name}`),
    // Of the bucket of all hosts, those that are encrypted for this one.
    `DIRECT.GET.KV_secrets.$KV.secrets.${host}.>`,
  ];
  const pulls = durables.map(({ stream, name }) => `CONSUMER.MSG.NEXT.${stream}.${name}`);
  const api = (isStream: boolean) => (request: string) => ({
    subject: `$JS.API.${request}`,
    as: `${hostApiPrefix}.${request}`,
    isStream,
  });
  return [...new Set(says)].map(plain).concat(asks.map(api(false)), pulls.map(api(true)));
}

/** The streams that a service reads messages of, besides those of its rows in the flow table. */
const alsoReads: Readonly<Record<ServiceName, readonly StreamName[]>> = {
  intake: ['CHILDREN', 'LOGS', 'INBOX', 'AUDIT'],
  provisioner: [],
  runner: ['CHILDREN', 'LOGS', 'INBOX'],
  reaper: ['CHILDREN', 'LOGS', 'TIMERS'],
};

function rowsOf(services: readonly ServiceName[]): readonly FlowRow[] {
  return Object.values(flow).filter((row) => services.includes(row.service));
}

function eventTypesOf(services: readonly ServiceName[]): EventType[] {
  const emitted = rowsOf(services).flatMap((row) => row.emits);
  // Every worker may have to tell people about a message that it cannot handle.
  return [...new Set([...emitted, ...services.flatMap((service) => ownInitiative[service]), 'alert.raised' as const])];
}

function readBy(services: readonly ServiceName[]): string[] {
  const also = services.flatMap((service) => alsoReads[service]);
  return [...new Set(['EVENTS', 'COMMANDS', 'DEAD', ...rowsOf(services).map((row) => row.stream), ...also])];
}

const bucket = (name: string): readonly string[] => [
  `$KV.${name}.>`,
  ...read(`KV_${name}`),
  `$JS.API.DIRECT.GET.KV_${name}.>`,
];

const extras: Readonly<Record<(typeof controlServices)[number], readonly string[]>> = {
  intake: [
    // Of every host.
    '$JS.API.STREAM.INFO.*',
    '$JS.API.STREAM.MSG.GET.*',
    ...['idempotency', 'processed', 'templates', 'teamtemplates', 'tokens', 'secrets', 'quotas'].flatMap(bucket),
    commandSubjects.replay,
    replaySubject('*', '*'),
    inboxPattern,
    auditPattern,
  ],
  reaper: [
    timerPatterns.retry,
    duePatterns.retry,
    ...(['EVENTS', 'CHILDREN', 'LOGS', 'TIMERS'] as const).map((stream) => `$JS.API.STREAM.PURGE.${stream}`),
    ...['hosts', 'features'].flatMap(bucket),
  ],
};

function publishedByControl(service: (typeof controlServices)[number]): readonly string[] {
  return [
    ...eventTypesOf([service]).map((type) => eventPatterns[type]),
    deadPattern,
    '$JS.API.STREAM.MSG.DELETE.DEAD',
    ...readBy([service]).flatMap(read),
    ...['STREAM.INFO', 'STREAM.MSG.GET'].map((request) => `$JS.API.${request}.KV_features`),
    ...extras[service],
  ];
}

/** Reading a stream: its state, single messages through its leader, and consumers of one's own. */
function read(stream: string): readonly string[] {
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    // Those with several filters are made without them in the subject, under the older names.
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.>`,
    `$JS.API.CONSUMER.LIST.${stream}`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.>`,
    `$JS.ACK.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ];
}
