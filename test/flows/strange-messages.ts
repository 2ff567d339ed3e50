/**
 * Messages that are not what is expected where they are: without our envelope, of a newer version, of an unknown type; on
 * every subject that any stream takes, and on those that a newer version will have.
 */
import type { Connection } from '@vm-task/bus/connection';
import { encode } from '@vm-task/bus/envelope';
import { buckets, streams } from '@vm-task/bus/streams';
import { anyHost, type Draft, type HostToken } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newMessageId, newPipelineId, newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { eventPatterns, eventsOf, factsOfSubject, type PipelineKey, type TaskKey } from '@vm-task/shared/subjects';
import * as sample from '@vm-task/testing/sample-events';

export const manners = ['without our envelope', 'of a newer version', 'of an unknown type'] as const;

export interface Strange {
  readonly pattern: string;
  readonly manner: (typeof manners)[number];
}

/** What a newer version adds to `EVENTS`: beside each type another one that is not known here. */
export const newerPatterns: readonly string[] = [
  ...new Set(Object.values(eventPatterns).map((pattern) => pattern.replace(/\w+(?=\.\*)/, 'exploded'))),
];

/** Each in each manner. */
export const allStrange: readonly Strange[] = [
  ...Object.values(streams).flatMap(({ subjects }) => subjects),
  ...Object.keys(buckets).map((name) => `$KV.${name}.*`),
  ...newerPatterns,
].flatMap((pattern) => manners.map((manner) => ({ pattern, manner })));

export interface About {
  readonly task: TaskId;
  readonly host: HostToken;
}

/** What stands for the `*` of a pattern, in their order. @throws Error for a pattern that is not known here: it belongs into this table */
export function subjectFor(pattern: string, { task, host }: About): string {
  const now = Date.now();
  const own = ['default', task, host];
  const values: Readonly<Record<string, readonly string[]>> = {
    task: own,
    vm: own,
    'task.spawn': [task, '1', host],
    'vm.gone': ['default', newVmId(now), host],
    pipeline: [newPipelineId(now)],
    alert: ['warning', 'strange', 'somebody', host],
    message: [task, host],
    log: [task, '1', 'stdout', host],
    timer: own,
    due: own,
    dead: ['somebody', 'EVENTS', '1', host],
    inbox: ['operators', 'normal', newMessageId(now), host],
    $KV: ['strange'],
    audit: ['token', 'somebody'],
  };
  const [what = '', happened = ''] = pattern.split('.');
  const fitting = [...(values[`${what}.${happened}`] ?? values[what] ?? [])];
  const stars = pattern.split('*').length - 1;
  if (stars > 0 && stars !== fitting.length) throw new Error(`nothing is known of the pattern ${pattern}`);
  return pattern.replaceAll('*', () => fitting.shift() ?? '');
}

/** As by hand, from wherever. */
export async function publishByHand({ js }: Connection, subject: string): Promise<void> {
  await js.publish(subject, 'published by hand');
}

/** As whoever has the right to it says it in a newer version: behind what was said before. */
export async function publishNewer(
  { js }: Connection,
  subject: string,
  type: string,
  { key, expectedSeq }: { readonly key: TaskKey | PipelineKey | null; readonly expectedSeq: number },
): Promise<void> {
  const like: Draft = sample.alertRaised();
  const { headers } = encode(like, `${type}/${subject}`, 'vm-task/newer', new Date());
  headers.set('ce-type', type);
  const expect =
    key === null ? {} : { expect: { lastSubjectSequence: expectedSeq, lastSubjectSequenceSubject: eventsOf(key) } };
  await js.publish(subject, JSON.stringify({ v: 99, novel: ['is', 'new'] }), { headers, ...expect });
}

/** The type that a newer version's message says that it is. */
export function typeFor({ pattern, manner }: Strange, subject: string): string {
  const said = factsOfSubject(subject)?.type ?? pattern.split('.').slice(0, 2).join('.');
  return manner === 'of an unknown type' && !newerPatterns.includes(pattern) ? `${said}.exploded` : said;
}

export const isOfEvents = (pattern: string): boolean =>
  newerPatterns.includes(pattern) || Object.values(eventPatterns).some((one) => one === pattern);

/** Whose course it would move, if it counted. */
export function courseOf({ pattern }: Strange, subject: string): TaskKey | PipelineKey | null {
  if (!isOfEvents(pattern)) return null;
  const about = factsOfSubject(subject)?.about;
  return about !== undefined && ('task' in about || 'pipeline' in about) ? about : null;
}

export const hosts: readonly HostToken[] = ['host-1', 'host-9', anyHost];

export function freshTask(): TaskId {
  return newTaskId(Date.now());
}
