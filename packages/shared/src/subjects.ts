/**
 * Every subject of the system, written once. Tokens are ids and names that have been checked; nothing else goes in.
 *
 * An event of a task is on `<what>.<happened>.<pool>.<task>.<host>`, so `*.*.<pool>.<task>.*` is the task's own stream of
 * events: exactly those that decide its fate. Whatever is published for the task carries the expectation that this
 * stream has not moved since the message that is being handled (I3, I10). Whatever a host says ends in its own name.
 * A pipeline's stream of events is all that it has: `pipeline.*.<pipeline>`.
 */
import { anyHost, type Draft, type EventType, type Head, type HostToken, type Stored } from './events.ts';
import { isPipelineId, isTaskId, type MessageId, type PipelineId, type TaskId, type VmId } from './ids.ts';
import type { Message } from './inbox.ts';

export const commandSubjects = {
  submit: 'task.submit',
  cancel: 'task.cancel',
  /** By the task of the third token, which asks for its n-th task; from the host that has its VM. */
  spawn: 'task.spawn.*.*.*',
  /** By the task of the third token, which has read a message to it; from the host that has its VM. */
  readMessage: 'message.read.*.*',
  submitPipeline: 'pipeline.submit',
  cancelPipeline: 'pipeline.cancel',
  replay: 'deadletter.replay',
} as const;

/** Whatever a stream has: a reader that names each pattern costs the broker a match for every message. */
export const everything = '>';

/** Patterns that the `EVENTS` stream takes, one for each event type. */
export const eventPatterns: Readonly<Record<EventType, string>> = {
  'task.created': 'task.created.*.*.*',
  'vm.ready': 'vm.ready.*.*.*',
  'task.resumed': 'task.resumed.*.*.*',
  'task.setup.done': 'task.setup.done.*.*.*',
  'task.retrying': 'task.retrying.*.*.*',
  'task.cancelling': 'task.cancelling.*.*.*',
  'task.completed': 'task.completed.*.*.*',
  'vm.gone': 'vm.gone.*.*.*',
  'pipeline.created': 'pipeline.created.*',
  'pipeline.advanced': 'pipeline.advanced.*',
  'pipeline.cancelling': 'pipeline.cancelling.*',
  'pipeline.completed': 'pipeline.completed.*',
  'alert.raised': 'alert.raised.*.*.*.*',
};

export function eventSubject(draft: Draft): string {
  switch (draft.type) {
    case 'vm.gone':
      return vmGoneSubject(draft.data.pool, draft.data.vm, draft.host);
    case 'alert.raised':
      return `alert.raised.${draft.data.severity}.${draft.data.kind}.${draft.data.id}.${draft.host}`;
    case 'pipeline.created':
    case 'pipeline.advanced':
    case 'pipeline.cancelling':
    case 'pipeline.completed':
      return pipelineSubject(draft.type, draft.data.pipeline);
    default:
      return taskSubject(draft.type, draft.data, draft.host);
  }
}

export type PipelineEventType = Extract<EventType, `pipeline.${string}`>;
export type TaskEventType = Exclude<EventType, 'vm.gone' | 'alert.raised' | PipelineEventType>;

export function isPipelineEvent(event: Head): event is Stored<PipelineEventType> {
  return event.type.startsWith('pipeline.');
}

/** One pipeline's events of one type; `*` for any pipeline. */
export function pipelineSubject(type: PipelineEventType, pipeline: PipelineId | '*'): string {
  return `${type}.${pipeline}`;
}

export interface TaskKey {
  readonly pool: string;
  readonly task: TaskId;
}

export interface PipelineKey {
  readonly pipeline: PipelineId;
}

/** One task's events of one type; `*` for any pool, task or host. */
export function taskSubject(
  type: TaskEventType,
  { pool, task }: TaskKey | { readonly pool: string; readonly task: TaskId | '*' },
  host: HostToken | '*',
): string {
  return `${type}.${pool}.${task}.${host}`;
}

export function vmGoneSubject(pool: string, vm: VmId, host: HostToken | '*'): string {
  return `vm.gone.${pool}.${vm}.${host}`;
}

/** All the events of a task that decide its fate, or all those of a pipeline. */
export function eventsOf(key: TaskKey | PipelineKey): string {
  return 'pipeline' in key ? `pipeline.*.${key.pipeline}` : `*.*.${key.pool}.${key.task}.*`;
}

/** What a subject of `EVENTS` says of the message there, whatever that contains. */
export interface SubjectFacts {
  /** `task.setup.done` of `task.setup.done.<pool>.<task>.<host>`. */
  readonly type: string;
  readonly about: TaskKey | PipelineKey | { readonly vm: string } | { readonly alert: string };
  readonly host: HostToken;
}

/** Null for a subject that no event of any version has. */
export function factsOfSubject(subject: string): SubjectFacts | null {
  const tokens = subject.split('.');
  const [what, happened] = tokens;
  if (what === 'pipeline') {
    const [, , pipeline = ''] = tokens;
    if (tokens.length !== 3 || !isPipelineId(pipeline)) return null;
    return { type: `${what}.${happened}`, about: { pipeline }, host: anyHost };
  }
  const [pool = '', id = '', host = ''] = tokens.slice(-3);
  const type = subject.slice(0, Math.max(0, subject.length - pool.length - id.length - host.length - 3));
  if (what === 'alert') return tokens.length === 6 ? { type: `${what}.${happened}`, about: { alert: id }, host } : null;
  if (type === 'vm.gone') return { type, about: { vm: id }, host };
  return tokens.length >= 5 && isTaskId(id) ? { type, about: { pool, task: id }, host } : null;
}

/** The task of `task.completed.<pool>.<task>.<host>`; null for any other subject. */
export function taskOfCompleted(subject: string): TaskId | null {
  const facts = factsOfSubject(subject);
  return facts?.type === 'task.completed' && 'task' in facts.about ? facts.about.task : null;
}

/** Alerts about one thing, of any severity, kind and host. */
export function alertSubjects(id: string): string {
  return `alert.raised.*.*.${id}.*`;
}

/** A broker's schedule and what it becomes when its time has come; one of each for a task, with its `task.created`'s host. */
export const timerPatterns = { retry: 'timer.retry.*.*.*' } as const;
export const duePatterns = { retry: 'due.retry.*.*.*' } as const;

export function retryTimerSubject({ pool, task }: TaskKey, host: HostToken): string {
  return `timer.retry.${pool}.${task}.${host}`;
}

export function retryDueSubject({ pool, task }: TaskKey, host: HostToken): string {
  return `due.retry.${pool}.${task}.${host}`;
}

export const logStreams = ['setup', 'stdout', 'stderr'] as const;
export type LogStream = (typeof logStreams)[number];

export const logPattern = 'log.*.*.*.*';

/** One stream of an attempt, as the host of the attempt's VM writes it. */
export function logSubject(task: TaskId, attempt: number, stream: LogStream, host: HostToken): string {
  return `log.${task}.${attempt}.${stream}.${host}`;
}

/** How far an attempt says that it is; `*` for any task, attempt or host. */
export function progressSubject(task: TaskId | '*', attempt: number | '*', host: HostToken | '*'): string {
  return `log.${task}.${attempt}.progress.${host}`;
}

export interface LogFacts {
  readonly task: TaskId;
  readonly attempt: number;
  readonly stream: LogStream | 'progress';
  readonly host: HostToken;
}

/** Null for a subject that is none of a log. */
export function factsOfLog(subject: string): LogFacts | null {
  const [log, task = '', attempt, stream = '', host = '', ...more] = subject.split('.');
  if (log !== 'log' || more.length > 0 || host === '' || !isTaskId(task)) return null;
  const known = stream === 'progress' ? stream : logStreams.find((name) => name === stream);
  return known === undefined ? null : { task, attempt: Number(attempt), stream: known, host };
}

/** A task's question for its n-th task; `*` for all of them, and from any host. */
export function spawnSubject(parent: TaskId, n: number | '*', host: HostToken | '*'): string {
  return `task.spawn.${parent}.${n}.${host}`;
}

/** The number in such a subject; 0 for what is none. */
export function numberOfSpawn(subject: string): number {
  return Number(/^task\.spawn\.[^.]+\.(\d{1,9})\.[^.]+$/.exec(subject)?.[1] ?? 0);
}

/** That a task has read a message to it. */
export function readMessageSubject(task: TaskId, host: HostToken): string {
  return `message.read.${task}.${host}`;
}

/** Task and host of `task.spawn.<task>.<n>.<host>` and `message.read.<task>.<host>`; null for any other subject. */
export function askerOf(subject: string): { readonly task: TaskId; readonly host: HostToken } | null {
  const [what, how, task = '', ...more] = subject.split('.');
  const host = more.at(-1) ?? '';
  const isSpawn = what === 'task' && how === 'spawn' && more.length === 2;
  const isRead = what === 'message' && how === 'read' && more.length === 1;
  return (isSpawn || isRead) && isTaskId(task) && host !== '' ? { task, host } : null;
}

/** Every log subject of a task, all attempts, streams and hosts. */
export function logSubjects(task: TaskId): string {
  return `log.${task}.>`;
}

/** Pool, task and host of `due.retry.<pool>.<task>.<host>`; null for any other subject. */
export function taskOfRetryDue(subject: string): (TaskKey & { readonly host: HostToken }) | null {
  const [due, kind, pool, task = '', host, ...more] = subject.split('.');
  if (due !== 'due' || kind !== 'retry' || pool === undefined || host === undefined || more.length > 0) return null;
  return isTaskId(task) ? { pool, task, host } : null;
}

export const deadPattern = 'dead.*.*.*.*';

export function deadSubject(consumer: string, stream: string, seq: number, host: HostToken): string {
  return `dead.${consumer}.${stream}.${seq}.${host}`;
}

/** Where a worker is asked to handle a dead letter of its own again; `*` for any. No stream has it. */
export function replaySubject(consumer: string, host: HostToken): string {
  return `replay.${consumer}.${host}`;
}

export const inboxPattern = 'inbox.*.*.*.*';

/** `host`: from where it was sent. */
export function inboxSubject({ to, priority, id }: Pick<Message, 'to' | 'priority' | 'id'>, host: HostToken): string {
  return `inbox.${to}.${priority}.${id}.${host}`;
}

/** Every message to one recipient; `*` for any. */
export function inboxMessages(to: string): string {
  return `inbox.${to}.*.*.*`;
}

/** One message, whoever it is to; `*`: from anywhere. */
export function inboxMessage(id: MessageId, host: HostToken | '*'): string {
  return `inbox.*.*.${id}.${host}`;
}

/** Records of acts, by who did it; see `audit-record.ts`. */
export const auditPattern = 'audit.*.*';

/** What a token did, by its name, or what was refused to somebody unknown (null). */
export function auditSubject(tokenName: string | null): string {
  return tokenName === null ? 'audit.unknown.any' : `audit.token.${tokenName}`;
}

/** True when `subject` is one of those that `pattern` (with `*` and a final `>`) selects. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return tokens.length > index;
    if (tokens[index] === undefined || (token !== '*' && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}
