/**
 * A task that a task asked for. What it asks and which key it gives it name the subject of the question in `COMMANDS`, so a
 * repeated question is stored once, and how many there are is counted where they are stored.
 */
import { createHash } from 'node:crypto';
import { taskSpawnSchema } from '@vm-task/shared/commands';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import type { Json } from '@vm-task/shared/json';
import { taskIdFromCause } from '@vm-task/shared/new-ids';
import { spawnSubject } from '@vm-task/shared/subjects';
import type { z } from 'zod';
import { isFull, throwIfHopeless, wasRefused } from './answers.ts';
import type { Connection } from './connection.ts';

export interface Spawning {
  readonly parent: Stored<'task.created'>;
  /** Tells this child from the parent's others. */
  readonly key: string;
  readonly file: Json;
  /** How many children the parent may have. */
  readonly most: number;
}

/**
 * The child's id, once the question is stored (I1). Thrown: `limit-reached`, `idempotency-conflict` when the key stands
 * for another file, `stream-full`; what the broker's absence throws.
 */
export async function spawnTask(connection: Connection, { parent, key, file, most }: Spawning): Promise<TaskId> {
  const { task } = parent.data;
  const digest = createHash('sha256').update(key).digest('hex');
  const subject = spawnSubject(task, digest.slice(0, 32));
  const id = taskIdFromCause(parent.time.getTime(), 'child', task, digest);
  const asked = await readQuestion(connection, subject);
  if (asked !== null) return sameOrConflict(asked, file, key);
  if ((await countQuestions(connection, task)) >= most) {
    throw new VmTaskError('limit-reached', `the task has submitted ${most} tasks and may submit no more: children`);
  }
  try {
    const question = { v: 1, id, parent: task, file } satisfies z.infer<typeof taskSpawnSchema>;
    await connection.js.publish(subject, JSON.stringify(question), { expect: { lastSubjectSequence: 0 } });
    return id;
  } catch (error) {
    throwIfHopeless(error);
    if (isFull(error)) throw new VmTaskError('stream-full', 'no more tasks are taken at present', { cause: error });
    if (!wasRefused(error)) throw error;
    const first = await readQuestion(connection, subject);
    if (first === null) throw error;
    return sameOrConflict(first, file, key);
  }
}

/** True when `id` is a child that `parent` has asked for. */
export async function isChild(connection: Connection, parent: TaskId, id: TaskId): Promise<boolean> {
  const { subjects } = await infoOf(connection, parent);
  for (const subject of Object.keys(subjects)) {
    if ((await readQuestion(connection, subject))?.id === id) return true;
  }
  return false;
}

async function countQuestions(connection: Connection, parent: TaskId): Promise<number> {
  return Object.keys((await infoOf(connection, parent)).subjects).length;
}

async function infoOf({ jsm }: Connection, parent: TaskId): Promise<{ subjects: Readonly<Record<string, number>> }> {
  const { state } = await jsm.streams.info('COMMANDS', { subjects_filter: spawnSubject(parent, '*') });
  return { subjects: state.subjects ?? {} };
}

async function readQuestion({ jsm }: Connection, subject: string): Promise<z.infer<typeof taskSpawnSchema> | null> {
  const stored = await jsm.streams.getMessage('COMMANDS', { last_by_subj: subject });
  return stored === null ? null : taskSpawnSchema.parse(stored.json());
}

function sameOrConflict(asked: z.infer<typeof taskSpawnSchema>, file: Json, key: string): TaskId {
  if (JSON.stringify(asked.file) === JSON.stringify(file)) return asked.id;
  throw new VmTaskError(
    'idempotency-conflict',
    `the key ${JSON.stringify(key)} stands for task ${asked.id}, which was submitted with another body; use a new key`,
  );
}
