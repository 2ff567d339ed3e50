/**
 * Accepting a submission by HTTP: yes is said only after the stream has acknowledged `task.created` (I1), and whoever
 * repeats a request with its key is led to the one task of that key, whatever crashed in between.
 */
import type { Bus } from '@vm-task/bus/bus';
import type { IdempotencyEntry } from '@vm-task/bus/idempotency';
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import type { SystemConfig } from '@vm-task/service/config';
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type EventData, type Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId, taskIdFromCause } from '@vm-task/shared/new-ids';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import type { Admission } from './admission.ts';
import { idOfKey } from './id-of-key.ts';

export interface Submission {
  /** A task file, as it was parsed from JSON or YAML. */
  readonly body: unknown;
  /** The `Idempotency-Key`, or null. */
  readonly key: string | null;
  /** Names the request in `task.created`. */
  readonly requestId: string;
}

export interface Accepted {
  readonly id: TaskId;
  /** Of the event that says so. */
  readonly seq: number;
}

export interface Acceptance {
  readonly config: SystemConfig;
  readonly bus: Pick<Bus, 'append'>;
  readonly admission: Admission;
  readonly claimKey: (key: string, wanted: IdempotencyEntry) => Promise<IdempotencyEntry>;
  readonly findCreated: (task: TaskId) => Promise<Stored<'task.created'> | null>;
  readonly now: () => number;
}

/** @throws what `planTask` throws, `stream-full`, `idempotency-conflict`, the abort's reason. */
export async function acceptTask(deps: Acceptance, submission: Submission, signal: AbortSignal): Promise<Accepted> {
  const planned = planTask(submission.body, deps.config);
  return accept(deps, { ...planned, cause: { kind: 'http', id: submission.requestId } }, submission, signal);
}

/**
 * A new task with the specification that an earlier one was accepted with, whatever became of that.
 * @throws `pool-not-found`, `stream-full`, `idempotency-conflict`, the abort's reason.
 */
export async function acceptAgain(
  deps: Acceptance,
  earlier: Stored<'task.created'>,
  key: string | null,
  signal: AbortSignal,
): Promise<Accepted> {
  const { task, pool, spec: earlierSpec } = earlier.data;
  // No stage comes after it this time.
  const { keep: _keep, leftVm: _leftVm, ...spec } = earlierSpec;
  if (!Object.hasOwn(deps.config.pools, pool)) {
    throw new VmTaskError('pool-not-found', `there is no pool "${pool}" any more; submit the task to another one`);
  }
  return accept(deps, { pool, spec, cause: { kind: 'retry', id: task } }, { body: { retry: task }, key }, signal);
}

interface Planned {
  readonly pool: string;
  readonly spec: TaskSpec;
  readonly cause: EventData<'task.created'>['cause'];
}

async function accept(
  deps: Acceptance,
  planned: Planned,
  keyed: Pick<Submission, 'body' | 'key'>,
  signal: AbortSignal,
): Promise<Accepted> {
  await deps.admission.requireRoom();
  const id = await taskIdOf(deps, keyed);
  // A repeated key's task may be there already, in another pool if the configuration has changed since.
  const earlier = keyed.key === null ? null : await deps.findCreated(id);
  if (earlier !== null) return { id, seq: earlier.seq };
  const appended = await deps.bus.append(
    { type: 'task.created', data: { v: 1, task: id, ...planned }, host: anyHost },
    0,
    signal,
  );
  // A conflict means that the task goes on already: another request with the same key was faster.
  return { id, seq: appended.kind === 'stored' ? appended.event.seq : (appended.head?.seq ?? 0) };
}

async function taskIdOf(deps: Acceptance, { key, body }: Pick<Submission, 'body' | 'key'>): Promise<TaskId> {
  if (key === null) return newTaskId(deps.now());
  const id = taskIdFromCause(deps.now(), 'http', key);
  return idOfKey('task', { body, key }, id, (wanted) => deps.claimKey(key, wanted));
}
