/**
 * Every subject of the system, written once. Tokens are ids and names that have been checked; nothing else goes in.
 *
 * The *spine* of a task is `*.*.<pool>.<task>`: exactly the events that decide its fate. Whatever is published for the
 * task carries the expectation that the spine has not moved since the message that is being handled (I3, I10). A
 * pipeline's spine is all that it has: `pipeline.*.<pipeline>`.
 */
import type { Draft, EventType, Stored } from './events.ts';
import { isPipelineId, isTaskId, type MessageId, type PipelineId, type TaskId, type VmId } from './ids.ts';
import type { Message } from './inbox.ts';

export const commandSubjects = {
  submit: 'task.submit',
  cancel: 'task.cancel',
  /** By the task of the third token, which asks for a task of its own; the fourth tells its questions apart. */
  spawn: 'task.spawn.*.*',
  submitPipeline: 'pipeline.submit',
  cancelPipeline: 'pipeline.cancel',
  replay: 'deadletter.replay',
} as const;

/** Whatever a stream has: a reader that names each pattern costs the broker a match for every message. */
export const everything = '>';

/** Patterns that the `EVENTS` stream takes, one for each event type. */
export const eventPatterns: Readonly<Record<EventType, string>> = {
  'task.created': 'task.created.*.*',
  'vm.ready': 'vm.ready.*.*',
  'task.resumed': 'task.resumed.*.*',
  'task.setup.done': 'task.setup.done.*.*',
  'task.retrying': 'task.retrying.*.*',
  'task.cancelling': 'task.cancelling.*.*',
  'task.completed': 'task.completed.*.*',
  'vm.gone': 'vm.gone.*.*',
  'pipeline.created': 'pipeline.created.*',
  'pipeline.advanced': 'pipeline.advanced.*',
  'pipeline.cancelling': 'pipeline.cancelling.*',
  'pipeline.completed': 'pipeline.completed.*',
  'alert.raised': 'alert.raised.*.*.*',
};

export function eventSubject(draft: Draft): string {
  switch (draft.type) {
    case 'vm.gone':
      return vmGoneSubject(draft.data.pool, draft.data.vm);
    case 'alert.raised':
      return `alert.raised.${draft.data.severity}.${draft.data.kind}.${draft.data.id}`;
    case 'pipeline.created':
    case 'pipeline.advanced':
    case 'pipeline.cancelling':
    case 'pipeline.completed':
      return pipelineSubject(draft.type, draft.data.pipeline);
    default:
      return taskSubject(draft.type, draft.data.pool, draft.data.task);
  }
}

export type PipelineEventType = Extract<EventType, `pipeline.${string}`>;
export type TaskEventType = Exclude<EventType, 'vm.gone' | 'alert.raised' | PipelineEventType>;

export function isPipelineEvent(event: Stored): event is Stored<PipelineEventType> {
  return event.type.startsWith('pipeline.');
}

/** One pipeline's events of one type; `*` for any pipeline. */
export function pipelineSubject(type: PipelineEventType, pipeline: PipelineId | '*'): string {
  return `${type}.${pipeline}`;
}

/** One task's events of one type; `*` for any pool or any task. */
export function taskSubject(type: TaskEventType, pool: string, task: TaskId | '*'): string {
  return `${type}.${pool}.${task}`;
}

export function vmGoneSubject(pool: string, vm: VmId): string {
  return `vm.gone.${pool}.${vm}`;
}

export interface SpineKey {
  readonly pool: string;
  readonly task: TaskId;
}

export interface PipelineKey {
  readonly pipeline: PipelineId;
}

export function spineSubject(key: SpineKey | PipelineKey): string {
  return 'pipeline' in key ? `pipeline.*.${key.pipeline}` : `*.*.${key.pool}.${key.task}`;
}

/** The pipeline of a subject of its spine; null for any other subject. */
export function pipelineOfSubject(subject: string): PipelineId | null {
  const [about, , pipeline = '', ...more] = subject.split('.');
  return about === 'pipeline' && isPipelineId(pipeline) && more.length === 0 ? pipeline : null;
}

/** The task of `task.completed.<pool>.<task>`; null for any other subject. */
export function taskOfCompleted(subject: string): TaskId | null {
  const [about, what, , task = '', ...more] = subject.split('.');
  return about === 'task' && what === 'completed' && isTaskId(task) && more.length === 0 ? task : null;
}

/** All that is stored for a task, besides `vm.gone` of its VMs. The spine is the last. */
export function taskSubjects({ pool, task }: SpineKey): readonly string[] {
  return [taskSubject('task.setup.done', pool, task), spineSubject({ pool, task })];
}

/** Alerts about one thing, of any severity and kind. */
export function alertSubjects(id: string): string {
  return `alert.raised.*.*.${id}`;
}

/** A broker's schedule and what it becomes when its time has come; one of each for a task. */
export const timerPatterns = { retry: 'timer.retry.*.*' } as const;
export const duePatterns = { retry: 'due.retry.*.*' } as const;

export function retryTimerSubject({ pool, task }: SpineKey): string {
  return `timer.retry.${pool}.${task}`;
}

export function retryDueSubject({ pool, task }: SpineKey): string {
  return `due.retry.${pool}.${task}`;
}

export const logStreams = ['setup', 'stdout', 'stderr'] as const;
export type LogStream = (typeof logStreams)[number];

export function logSubject(task: TaskId, attempt: number, stream: LogStream): string {
  return `log.${task}.${attempt}.${stream}`;
}

/** How far an attempt says that it is; `*` for any task or attempt. */
export function progressSubject(task: TaskId | '*', attempt: number | '*'): string {
  return `log.${task}.${attempt}.progress`;
}

/** Task and attempt of `log.<task>.<attempt>.progress`; null for any other subject. */
export function ownerOfProgress(subject: string): { readonly task: TaskId; readonly attempt: number } | null {
  const [log, task = '', attempt, stream, ...more] = subject.split('.');
  if (log !== 'log' || stream !== 'progress' || more.length > 0 || !isTaskId(task)) return null;
  return { task, attempt: Number(attempt) };
}

/** A task's question for a task of its own; `*` for all of them. `key` is hexadecimal digits. */
export function spawnSubject(parent: TaskId, key: string): string {
  return `task.spawn.${parent}.${key}`;
}

/** Every log subject of a task, all attempts and streams. */
export function logSubjects(task: TaskId): string {
  return `log.${task}.>`;
}

/** Pool and task of `due.retry.<pool>.<task>`; null for any other subject. */
export function spineOfRetryDue(subject: string): SpineKey | null {
  const [due, kind, pool, task, ...more] = subject.split('.');
  if (due !== 'due' || kind !== 'retry' || pool === undefined || !isTaskId(task ?? '') || more.length > 0) return null;
  return { pool, task: task as TaskId };
}

export function deadSubject(consumer: string, stream: string, seq: number): string {
  return `dead.${consumer}.${stream}.${seq}`;
}

/** Where a worker is asked to handle a dead letter of its own again; `*` for any worker. No stream has it. */
export function replaySubject(consumer: string): string {
  return `replay.${consumer}`;
}

export const inboxPattern = 'inbox.*.*.*';

export function inboxSubject({ to, priority, id }: Pick<Message, 'to' | 'priority' | 'id'>): string {
  return `inbox.${to}.${priority}.${id}`;
}

/** Every message to one recipient; `*` for any. */
export function inboxMessages(to: string): string {
  return `inbox.${to}.*.*`;
}

/** One message, whoever it is to. */
export function inboxMessage(id: MessageId): string {
  return `inbox.*.*.${id}`;
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
