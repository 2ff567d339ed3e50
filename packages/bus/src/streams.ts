/**
 * Every stream, bucket and store as data. The embedded system makes them at its first start; every service reads back
 * those that it relies on and refuses to start on less, because an old server takes newer settings silently.
 */
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import type { StreamName } from '@vm-task/shared/stream-name';
import {
  auditPattern,
  commandSubjects,
  deadPattern,
  duePatterns,
  eventPatterns,
  inboxPattern,
  logPattern,
  timerPatterns,
} from '@vm-task/shared/subjects';
import { taskMaxBytes } from '@vm-task/shared/task-spec';

/** The server's program; the set-up sees to it that the first one on the PATH is new enough. */
export const serverProgram = 'nats-server';

/** Expectations across subjects, per-message TTL and schedules are all there from this version on. */
export const minimumServerVersion = '2.14.0';

/** The first minor version that no test of this release has seen. The set-up takes an older one where it can choose. */
export const untestedServerVersion = '2.16.0';

/** Twice the largest task (4 MiB), which is also the largest JSON of quotes and newlines that it can become. */
export const maxPayloadBytes = 8 * 1024 * 1024;

const GiB = 1024 ** 3;

/** The last fifth of `EVENTS`, and of a small disk, is head-room for tasks that run: new ones are refused (I13). */
export const eventsFullFrom = 0.8;
export const leastDiskBytes = 2 * GiB;

const days = 24 * 3600 * 1_000_000_000;

/** The age at which output goes. */
export const outputMaxAgeMs = (7 * days) / 1_000_000;

/** Six for each host, one for each pool and for each reader: the server's own limit is a thousand. */
const maxConsumers = 100_000;

export type StreamDefinition = Partial<StreamConfig> & { name: StreamName; subjects: string[] };

export const streams: Readonly<Record<StreamName, StreamDefinition>> = {
  /** The truth about tasks. Never evicts: an evicted `task.created` would let every expectation on its task fail. */
  EVENTS: {
    name: 'EVENTS',
    subjects: Object.values(eventPatterns),
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_bytes: 8 * GiB,
    storage: StorageType.File,
    deny_delete: true,
    max_consumers: maxConsumers,
    /** The broker's default, two minutes; the expectations carry the guarantee, this only makes a resend cheap. */
    duplicate_window: 120 * 1_000_000_000,
  },
  COMMANDS: {
    name: 'COMMANDS',
    subjects: Object.values(commandSubjects),
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_age: 7 * days,
    max_bytes: 2 * GiB,
    /** What a task file may be, and as much for headers and what a task's question has around it as nobody needs. */
    max_msg_size: taskMaxBytes + 64 * 1024,
    storage: StorageType.File,
  },
  /**
   * The questions of tasks for tasks, copied by the broker from `COMMANDS` and kept as long as the task that asked, because
   * they are counted: there they go by their age. Purged with the task.
   */
  CHILDREN: {
    name: 'CHILDREN',
    subjects: [],
    sources: [{ name: 'COMMANDS', filter_subject: commandSubjects.spawn }],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_bytes: 1 * GiB,
    storage: StorageType.File,
  },
  /**
   * What is to happen later: schedules of the broker, and what they became. Schedules cannot be kept from being evicted
   * (`discard: new` is refused with them), so whoever needs one looks again behind it.
   */
  TIMERS: {
    name: 'TIMERS',
    subjects: [...Object.values(timerPatterns), ...Object.values(duePatterns)],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: 1,
    max_bytes: 1 * GiB,
    storage: StorageType.File,
    allow_msg_schedules: true,
  },
  /** Output. The oldest goes first when it is full: a flood never stops a task. */
  LOGS: {
    name: 'LOGS',
    subjects: [logPattern],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: outputMaxAgeMs * 1_000_000,
    max_bytes: 8 * GiB,
    max_consumers: maxConsumers,
    storage: StorageType.File,
  },
  /** What no handler could take, with the reason. */
  DEAD: {
    name: 'DEAD',
    subjects: [deadPattern],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: 30 * days,
    max_bytes: 1 * GiB,
    storage: StorageType.File,
  },
  /** Messages, each with the time that it is kept. When it is full, senders are refused: nothing unread is lost. */
  INBOX: {
    name: 'INBOX',
    subjects: [inboxPattern],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    /** The newest carries the marks. */
    max_msgs_per_subject: 1,
    max_bytes: 1 * GiB,
    storage: StorageType.File,
    allow_msg_ttl: true,
  },
  /** The audit log (`audit-log.ts`). The oldest goes first, and nothing in any other way: nobody deletes or purges here. */
  AUDIT: {
    name: 'AUDIT',
    subjects: [auditPattern],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: 365 * days,
    /** Two to three million acts. */
    max_bytes: 1 * GiB,
    /** One has 300 bytes; what is longer is none. */
    max_msg_size: 4 * 1024,
    storage: StorageType.File,
    deny_delete: true,
    deny_purge: true,
  },
};

/** Key-value buckets, with the age at which an entry goes. */
export const buckets = {
  idempotency: { ttlMs: 24 * 3_600_000 },
  /** Effects outside of the broker that have been had; renewed at each look. Nothing is tried again by itself as rarely. */
  processed: { ttlMs: 7 * 24 * 3_600_000 },
  /** For ever. */
  templates: { ttlMs: 0 },
  /** For ever; encrypted for each host (`secrets.ts`). */
  secrets: { ttlMs: 0 },
  /** Those of teams, each its own (`templates.ts`). */
  teamtemplates: { ttlMs: 0 },
  /** One entry for each host, renewed by its provisioner (`host-lease.ts`). Nothing is decided by its age but by the broker's times. */
  hosts: { ttlMs: 0 },
  /** Which additions to the events are switched on: none before every service that reads them is new enough. */
  features: { ttlMs: 0 },
  /** Which teams are at a quota (`quota-refusals.ts`), for hosts. */
  quotas: { ttlMs: 0 },
  /** Who may ask for what (`tokens.ts`): hashes of tokens, read and written by intake alone. */
  tokens: { ttlMs: 0 },
} as const;

/** The object store of a host: the files that its tasks leave behind. Control reads all of them. */
export function artifactsOf(host: string): string {
  return `artifacts-${host}`;
}

/** The age at which such a file goes. */
export const artifactsMaxAgeMs = 30 * 24 * 3_600_000;
/** Of all that a host keeps: 64 times what one attempt may leave. Nothing is evicted for what is new. */
export const artifactsMaxBytes = 16 * GiB;
/** From here on, what would leave files is refused, so that what runs has room for its own. */
export const artifactsFullFrom = 0.8;
