/** One of each thing that a team can have, every word of which says whose it is; and whether any of them has changed. */
import { Readable } from 'node:stream';
import { artifactName, storeArtifact } from '@vm-task/bus/artifacts';
import { renewLease } from '@vm-task/bus/host-leases';
import { openLogWriter } from '@vm-task/bus/output-log';
import { spawnTask } from '@vm-task/bus/spawn-task';
import { storeProgress } from '@vm-task/bus/task-progress';
import type { Draft } from '@vm-task/shared/events';
import { parseTaskId, type TaskId } from '@vm-task/shared/ids';
import { newMessageId, newPipelineId, newTaskId, newVmId } from '@vm-task/shared/new-ids';
import type { Broker } from './broker.ts';
import { eventually } from './conditions.ts';
import { completed, sampleHost, setupDone, vmReady } from './sample-events.ts';
import { sampleLease } from './sample-lease.ts';

/** The team, and what everything of it has in its text. */
export const theirs = 'ruby';

export type ThingKind = 'ended' | 'running' | 'question' | 'pipeline' | 'template' | 'message' | 'toTask';
/** What is named by whoever asks for one of them. */
export type Names = Readonly<Record<ThingKind, string>>;

export interface TeamThings extends Names {
  /** The name of a file that the task that has ended left. */
  readonly file: string;
  readonly token: string;
  readonly secret: string;
  readonly letter: number;
  /** All of which no answer to another team may have any. */
  readonly ids: readonly string[];
}

/** A request that succeeds; its JSON. */
export type AskJson = (method: string, path: string, body?: object) => Promise<Record<string, never>>;

/** `asTeam`: with an operator's token of the team, `asAdmin`: with one of none. */
export async function makeTeamThings(broker: Broker, asTeam: AskJson, asAdmin: AskJson): Promise<TeamThings> {
  const { token } = await makeHomesThings(asAdmin);
  const ended = await submit(asTeam, { run: `echo ${theirs}`, labels: { [theirs]: theirs } });
  const running = await submit(asTeam, { run: `echo ${theirs}`, children: 1 });
  await begin(broker, running);
  await end(broker, ended);
  const stages = { [`${theirs}-may`]: { kind: 'approval', description: `${theirs}?` } };
  const pipeline = String((await asTeam('POST', '/v1/pipelines', { pipeline: { name: theirs, stages } }))['id']);
  const question = await eventually(
    async () => {
      const { stages: shown } = (await asTeam('GET', `/v1/pipelines/${pipeline}`)) as unknown as PipelineShown;
      return shown[0]?.runs[0]?.task?.id;
    },
    { what: 'the stage waits' },
  );
  const template = `${theirs}-template`;
  await asTeam('POST', '/v1/templates', { name: template, description: theirs, task: { run: `echo ${theirs}` } });
  const message = await send(asTeam, 'anna');
  const toTask = await send(asTeam, running);
  const child = await askForChild(broker, running);
  const letter = await spoil(broker);
  const now = new Date().toISOString();
  const vm = { vm: newVmId(0), pool: 'default', state: 'claimed', task: running, createdAt: now, deadline: now };
  await renewLease(broker.connection, { ...sampleLease, vms: [vm] });
  const ids = [ended, running, question, pipeline, message, toTask, child];
  const named = { ended, running, question, pipeline, template, message, toTask };
  return { ...named, file: `${theirs}.txt`, token, secret: `${theirs}-key`, letter, ids };
}

interface PipelineShown {
  readonly stages: readonly { readonly runs: readonly { readonly task: { readonly id: string } | null }[] }[];
}

/** Names of nothing, each of the form of one of them. */
export function namesOfNothing(): Names {
  const task = () => newTaskId(0);
  const message = () => newMessageId(0);
  return {
    ...{ ended: task(), running: task(), question: task(), pipeline: newPipelineId(0), template: 'not-there' },
    ...{ message: message(), toTask: message() },
  };
}

async function makeHomesThings(asAdmin: AskJson): Promise<{ token: string }> {
  const token = `${theirs}-ci`;
  await asAdmin('POST', '/v1/tokens', { name: token, role: 'viewer', team: theirs });
  await asAdmin('POST', '/v1/secrets', { name: `${theirs}-key`, value: `the value of ${theirs}`, team: theirs });
  return { token };
}

async function submit(ask: AskJson, file: object): Promise<TaskId> {
  return parseTaskId(String((await ask('POST', '/v1/tasks', file))['id']));
}

async function send(ask: AskJson, to: string): Promise<string> {
  const text = `${theirs} says hello`;
  return String((await ask('POST', '/v1/inbox', { to, priority: 'normal', from: theirs, text }))['id']);
}

async function append({ bus }: Broker, draft: Draft & { data: { task: TaskId; pool: string } }): Promise<void> {
  const head = await bus.head(draft.data);
  await bus.append(draft, head?.seq ?? 0, new AbortController().signal);
}

async function begin(broker: Broker, task: TaskId): Promise<void> {
  const { connection } = broker;
  await append(broker, vmReady(task, { vm: newVmId(Date.now()) }));
  await append(broker, setupDone(task));
  await storeProgress(connection, task, 1, sampleHost, { percent: 40, text: theirs });
  const stdout = await openLogWriter(connection, task, 1, 'stdout', sampleHost);
  await stdout.write(Buffer.from(`${theirs}\n`), new AbortController().signal);
}

async function end(broker: Broker, task: TaskId): Promise<void> {
  await begin(broker, task);
  const content = Readable.from([Buffer.from(`a file of ${theirs}`)]);
  const file = await storeArtifact(broker.connection, sampleHost, artifactName(task, 1), content);
  const head = await broker.bus.head({ pool: 'default', task });
  const vm = head?.type === 'vm.ready' ? head.data.vm : null;
  const error = { code: 'process-failed' as const, message: `${theirs} failed` };
  const artifacts = [{ path: `${theirs}.txt`, ...file }];
  const result = { kind: 'json', source: 'file', value: { [theirs]: theirs } } as const;
  await append(broker, completed(task, { vm, outcome: 'failed', exitCode: 1, error, artifacts, result }));
}

async function askForChild({ bus, connection }: Broker, parent: TaskId): Promise<string> {
  const file = { run: `echo a child of ${theirs}` };
  const created = await connection.jsm.streams.getMessage('EVENTS', { last_by_subj: `task.created.*.${parent}.*` });
  if (created === null) throw new Error('it was created');
  const asking = { data: created.json(), time: created.time } as Parameters<typeof spawnTask>[1]['parent'];
  const task = await spawnTask(connection, { parent: asking, key: theirs, file, limit: 1, host: sampleHost });
  await eventually(() => bus.head({ pool: 'default', task }), { what: 'the child is made' });
  return task;
}

/** A dead letter, with their word in it; its number. */
async function spoil({ connection: { js, jsm } }: Broker): Promise<number> {
  await js.publish('task.submit', JSON.stringify({ [theirs]: theirs }));
  return eventually(async () => (await jsm.streams.info('DEAD')).state.last_seq, { what: 'a dead letter' });
}

/** What there is of anybody, by subject, with the sequence of the last message on it. */
export type Stored = ReadonlyMap<string, number>;

const streams = [
  ...['EVENTS', 'INBOX', 'COMMANDS', 'CHILDREN', 'DEAD', 'LOGS', 'KV_templates', 'KV_teamtemplates'],
  ...['KV_tokens', 'KV_secrets', `OBJ_artifacts-${sampleHost}`],
];

export async function storedBy({ connection: { jsm } }: Broker): Promise<Stored> {
  const found = new Map<string, number>();
  for (const stream of streams) {
    const { state } = await jsm.streams.info(stream, { subjects_filter: '>' });
    for (const subject of Object.keys(state.subjects ?? {})) {
      const last = await jsm.streams.getMessage(stream, { last_by_subj: subject });
      if (last !== null) found.set(subject, last.seq);
    }
  }
  return found;
}

/** Subjects of before on which something was stored or removed, and new ones that name one of the team's things. */
export function changedBetween(before: Stored, after: Stored, { ids }: Pick<TeamThings, 'ids'>): readonly string[] {
  const altered = [...before].filter(([subject, seq]) => after.get(subject) !== seq).map(([subject]) => subject);
  const added = [...after.keys()].filter((subject) => !before.has(subject) && ids.some((id) => subject.includes(id)));
  return [...altered, ...added];
}

/** What of the team is in a text. */
export function toldIn(text: string, { ids }: Pick<TeamThings, 'ids'>): readonly string[] {
  return [theirs, ...ids].filter((word) => text.includes(word));
}
