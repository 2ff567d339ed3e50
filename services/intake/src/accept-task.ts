/** Accepting a submission by HTTP: yes is said only after the stream has acknowledged `task.created` (I1). */
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import type { SystemConfig } from '@vm-task/service/config';
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type Draft, type EventData, type Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId, taskIdFromCause } from '@vm-task/shared/new-ids';
import { type Ownership, ownershipOf, type Principal } from '@vm-task/shared/people';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import { type AcceptanceOf, acceptOnce, keyOfTeam, type OnceDeps } from './accept-once.ts';

export interface Submission {
  /** A task file, as it was parsed from JSON or YAML. */
  readonly body: unknown;
  /** The `Idempotency-Key`, or null. */
  readonly key: string | null;
  /** Names the request in `task.created`. */
  readonly requestId: string;
  /** Whose it is from now on. */
  readonly ownership?: Ownership;
}

export interface Acceptance extends OnceDeps {
  readonly config: SystemConfig;
  readonly findCreated: (task: TaskId) => Promise<Stored<'task.created'> | null>;
  readonly now: () => number;
}

/** @throws what `planTask` throws, `stream-full`, `quota-exceeded`, `idempotency-conflict`, the abort's reason. */
export async function acceptTask(
  deps: Acceptance,
  submission: Submission,
  signal: AbortSignal,
): Promise<AcceptanceOf<TaskId>> {
  const cause = { kind: 'http' as const, id: submission.requestId };
  return accept(deps, submission, () => ({ ...planTask(submission.body, deps.config), cause }), signal);
}

/**
 * A new task with the specification that an earlier one was accepted with, whatever became of that, for the same team.
 * @throws `pool-not-found`, `left-vm-gone`, `stream-full`, `quota-exceeded`, `idempotency-conflict`, the abort's reason.
 */
export async function acceptAgain(
  deps: Acceptance,
  earlier: Stored<'task.created'>,
  { key, principal }: { readonly key: string | null; readonly principal?: Principal },
  signal: AbortSignal,
): Promise<AcceptanceOf<TaskId>> {
  const { task, pool } = earlier.data;
  const plan = (): Planned => {
    requireOwnVm(earlier.data);
    // No stage comes after it this time.
    const { keep: _keep, ...spec } = earlier.data.spec;
    if (!Object.hasOwn(deps.config.pools, pool)) {
      throw new VmTaskError('pool-not-found', `there is no pool "${pool}" any more; submit the task to another one`);
    }
    return { pool, spec, cause: { kind: 'retry', id: task } };
  };
  const ownership = ownershipOf({ team: earlier.data.team, principal });
  return accept(deps, { body: { retry: task }, key, ownership }, plan, signal);
}

/** In another VM it would find nothing of what it builds on. */
function requireOwnVm({ task, spec: { leftVm }, stage }: EventData<'task.created'>): void {
  if (leftVm === undefined) return;
  const again = `./vm-task pipeline resume ${stage?.pipeline} does both again, when the pipeline has failed`;
  throw new VmTaskError(
    'left-vm-gone',
    `task ${task} went on in the VM that the stage "${leftVm.stage}" left, which is gone; ${again}`,
  );
}

interface Planned {
  readonly pool: string;
  readonly spec: TaskSpec;
  readonly cause: EventData<'task.created'>['cause'];
}

function accept(
  deps: Acceptance,
  { body, key, ownership = {} }: Omit<Submission, 'requestId'>,
  plan: () => Planned,
  signal: AbortSignal,
): Promise<AcceptanceOf<TaskId>> {
  const { now, findCreated } = deps;
  const newId = () => (key === null ? newTaskId(now()) : taskIdFromCause(now(), 'http', keyOfTeam(key, ownership)));
  const planOnce = () => {
    const planned = plan();
    return (task: TaskId): Draft => ({
      type: 'task.created',
      data: { v: 1, task, ...planned, ...ownershipOf(ownership) },
      host: anyHost,
    });
  };
  return acceptOnce(deps, { what: 'task', body, key, ownership, newId, find: findCreated, plan: planOnce }, signal);
}
