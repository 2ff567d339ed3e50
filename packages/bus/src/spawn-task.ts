/**
 * A task that a task asked for. What it asks and which key it gives it name the subject of the question in `COMMANDS`, so a
 * repeated question is stored once, and how many there are is counted in `COMMANDS` and in `CHILDREN`, which keeps
 * a copy for as long as the task that asks is kept.
 */
import { createHash } from 'node:crypto';
import type { StoredMsg } from '@nats-io/jetstream';
import { taskSpawnSchema } from '@vm-task/shared/commands';
import { VmTaskError } from '@vm-task/shared/errors';
import type { HostToken, Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import type { Json } from '@vm-task/shared/json';
import { taskIdFromCause } from '@vm-task/shared/new-ids';
import { numberOfSpawn, spawnSubject } from '@vm-task/shared/subjects';
import { tolerant } from '@vm-task/shared/tolerant';
import type { z } from 'zod';
import { isFull, throwIfNonRetryable, wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';
import { requireQuota } from './quota-refusals.ts';
import { isSameJson } from './same-json.ts';

export interface Spawning {
  readonly parent: Stored<'task.created'>;
  /** Tells this child from the parent's others. */
  readonly key: string;
  readonly file: Json;
  /** How many children the parent may have. */
  readonly limit: number;
  /** The host of the parent's VM. */
  readonly host: HostToken;
}

type Question = z.infer<typeof taskSpawnSchema>;
const readerSchema = tolerant(taskSpawnSchema);

/**
 * The child's id, once the question is stored (I1). A question's number is part of its subject, and the broker takes one
 * for each number: so however many ask at once, there are never more than the limit.
 * @throws `limit-reached`, `quota-exceeded`, `idempotency-conflict` when the key stands for another file, `stream-full`; what the broker's
 * absence throws.
 */
export async function spawnTask(connection: Connection, spawning: Spawning): Promise<TaskId> {
  const { parent, key, file, limit, host } = spawning;
  const { task } = parent.data;
  const digest = createHash('sha256').update(key).digest('hex');
  const id = taskIdFromCause(parent.time.getTime(), 'child', task, digest);
  for (;;) {
    const { questions, last } = await readQuestions(connection, task);
    const same = questions.find((question) => question.id === id);
    if (same !== undefined) return sameOrConflict(same, file, key);
    await requireQuota(connection, parent.data.team, keepsFiles(file) ? 'taskWithFiles' : 'task');
    if (last >= limit) {
      throw new VmTaskError('limit-reached', `the task has submitted ${limit} tasks and may submit no more: children`);
    }
    const question = { v: 1, id, parent: task, file } satisfies Question;
    if (await ask(connection, question, last + 1, host)) return id;
  }
}

function keepsFiles(file: Json): boolean {
  return typeof file === 'object' && file !== null && Object.hasOwn(file, 'artifacts');
}

/** False when another question has taken the number meanwhile. */
async function ask({ js }: Connection, question: Question, n: number, host: HostToken): Promise<boolean> {
  const { parent } = question;
  try {
    const expect = { lastSubjectSequence: 0, lastSubjectSequenceSubject: spawnSubject(parent, n, '*') };
    await js.publish(spawnSubject(parent, n, host), JSON.stringify(question), { expect });
    return true;
  } catch (error) {
    throwIfNonRetryable(error);
    if (isFull(error)) throw new VmTaskError('stream-full', 'no more tasks are taken at present', { cause: error });
    if (!wasRefused(error)) throw error;
    return false;
  }
}

/** What has been asked for in the name of `parent`; there may be no such task, or another's. */
export async function childrenOf(connection: Connection, parent: TaskId): Promise<readonly TaskId[]> {
  return (await readQuestions(connection, parent)).questions.map(({ id }) => id);
}

/** True when `id` is a child that `parent` has asked for. */
export async function isChild(connection: Connection, parent: TaskId, id: TaskId): Promise<boolean> {
  return (await readQuestions(connection, parent)).questions.some((question) => question.id === id);
}

interface Asked {
  readonly questions: readonly Question[];
  /** The highest number that is taken, by whatever: what cannot be read here has one, too. */
  readonly last: number;
}

/** The broker copies a question within a moment, and forgets it in `COMMANDS` days later: so it is in one of them. */
const streamsOfQuestions = ['COMMANDS', 'CHILDREN'] as const;

async function readQuestions({ jsm }: Connection, parent: TaskId): Promise<Asked> {
  const found = new Map<string, Question[]>();
  for (const stream of streamsOfQuestions) {
    const { state } = await jsm.streams.info(stream, { subjects_filter: spawnSubject(parent, '*', '*') });
    for (const last_by_subj of Object.keys(state.subjects ?? {})) {
      if (found.has(last_by_subj)) continue;
      const message = await jsm.streams.getMessage(stream, { last_by_subj });
      found.set(last_by_subj, message === null ? [] : questionIn(message));
    }
  }
  return { questions: [...found.values()].flat(), last: Math.max(0, ...[...found.keys()].map(numberOfSpawn)) };
}

function questionIn({ data }: StoredMsg): Question[] {
  try {
    const parsed = readerSchema.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}

function sameOrConflict(asked: Question, file: Json, key: string): TaskId {
  if (isSameJson(asked.file, file)) return asked.id;
  throw new VmTaskError(
    'idempotency-conflict',
    `the key ${JSON.stringify(key)} stands for task ${asked.id}, which was submitted with another body; use a new key`,
  );
}
