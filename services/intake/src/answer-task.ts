/**
 * Answering a task of the pool `manual`: its one end, appended here because nothing runs. Whoever answers second, or too
 * late, is told so: the first answer stands (I2).
 */
import { isStoredAs } from '@vm-task/bus/append';
import type { Bus } from '@vm-task/bus/bus';
import { mayAnswer } from '@vm-task/shared/answerers';
import { answerersText } from '@vm-task/shared/answerers-text';
import { formatDuration } from '@vm-task/shared/durations';
import { VmTaskError } from '@vm-task/shared/errors';
import { anyHost, type Draft, type EventData, type Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { type Json, jsonProblem } from '@vm-task/shared/json';
import { ownershipOf, type Principal } from '@vm-task/shared/people';

export type Answer =
  | { readonly kind: 'complete'; readonly result: Json }
  | { readonly kind: 'approve' | 'reject'; readonly by: string; readonly comment: string };

export type Answered =
  | { readonly kind: 'stored'; readonly seq: number }
  /** It has ended before, in this way. */
  | { readonly kind: 'over'; readonly outcome: EventData<'task.completed'>['outcome'] };

export interface Answering {
  readonly bus: Pick<Bus, 'append' | 'head' | 'now'>;
  readonly findCreated: (task: TaskId) => Promise<Stored<'task.created'> | null>;
}

/** As what a process may leave. */
const resultMaxBytes = 256 * 1024;

/** @throws `task-not-found`, `not-answerable`, `forbidden`, `answer-too-late`, `result-too-large`, `invalid-request`. */
export async function answerTask(
  { bus, findCreated }: Answering,
  task: TaskId,
  answer: Answer & { readonly principal?: Principal },
  signal: AbortSignal,
): Promise<Answered> {
  const created = await findCreated(task);
  if (created === null) throw new VmTaskError('task-not-found', `task ${task} is no longer kept`);
  requireQuestion(created, answer);
  requireAnswerer(created, answer.principal);
  const draft = endingBy(created, answer);
  for (;;) {
    const head = await bus.head(created.data);
    if (head === null) throw new VmTaskError('task-not-found', `task ${task} is no longer kept`);
    if (head.type === 'task.completed') return { kind: 'over', outcome: head.data.outcome };
    if (head.type === 'unknown')
      throw new VmTaskError('newer-event', `task ${task} is at an event that cannot be read here`);
    if (head.type === 'task.cancelling') {
      throw new VmTaskError('not-answerable', `task ${task} is being cancelled; an answer changes nothing any more`);
    }
    requireInTime(created, await bus.now());
    const appended = await bus.append(draft, head.seq, signal);
    // Two answers at one time have one id: the other's may be the one that is stored.
    if (isStoredAs(draft, appended)) return { kind: 'stored', seq: appended.event.seq };
  }
}

function requireQuestion({ data: { task, spec } }: Stored<'task.created'>, { kind }: Answer): void {
  const wanted = kind === 'complete' ? 'external' : 'approval';
  if (spec.main.kind === 'answer' && spec.main.from === wanted) return;
  const how = { external: `./vm-task complete ${task}`, approval: `./vm-task approve ${task}, or reject` };
  const hint = spec.main.kind === 'answer' ? `it waits for ${how[spec.main.from]}` : 'it runs in a VM, which ends it';
  throw new VmTaskError('not-answerable', `task ${task} takes no "${kind}": ${hint}`);
}

/** Wherever the answer comes from. */
function requireAnswerer({ data: { task, spec } }: Stored<'task.created'>, who: Principal | undefined): void {
  const answerers = spec.main.kind === 'answer' ? spec.main.answerers : undefined;
  if (answerers === undefined || mayAnswer(answerers, who)) return;
  const asked = who?.kind === 'token' ? `this is the token "${who.name}"` : 'this comes with no token';
  throw new VmTaskError('forbidden', `task ${task} may be answered by ${answerersText(answerers)}; ${asked}`);
}

/** The reaper ends what is out of time; until it has, nobody else may. */
function requireInTime({ data: { task, spec }, time }: Stored<'task.created'>, now: Date): void {
  const { totalMs } = spec.timeouts;
  if (now.getTime() <= time.getTime() + totalMs) return;
  throw new VmTaskError(
    'answer-too-late',
    `task ${task} waited ${formatDuration(totalMs)} for its answer, and that is over; resume the pipeline to ask again`,
  );
}

function endingBy(
  { data: { task, pool } }: Stored<'task.created'>,
  answer: Answer & { readonly principal?: Principal },
): Draft<'task.completed'> {
  const data: EventData<'task.completed'> = {
    v: 1,
    task,
    pool,
    attempt: 1,
    vm: null,
    outcome: answer.kind === 'reject' ? 'failed' : 'succeeded',
    exitCode: null,
    signal: null,
    result: { kind: 'json', source: 'answer', value: checkResult(resultOf(answer)) },
    error: answer.kind === 'reject' ? { code: 'rejected', message: sentenceOf(answer) } : null,
    output: null,
    artifacts: [],
    processMs: null,
    ...ownershipOf({ principal: answer.principal }),
  };
  return { type: 'task.completed', data, host: anyHost };
}

function resultOf(answer: Answer): Json {
  if (answer.kind === 'complete') return answer.result;
  return { approved: answer.kind === 'approve', by: answer.by, comment: answer.comment };
}

function sentenceOf({ by, comment }: { readonly by: string; readonly comment: string }): string {
  return comment === '' ? `rejected by ${by}` : `rejected by ${by}: ${comment}`;
}

function checkResult(result: Json): Json {
  const problem = jsonProblem(result);
  if (problem !== null) throw new VmTaskError('invalid-request', `the result cannot be taken as JSON: ${problem}`);
  const bytes = Buffer.byteLength(JSON.stringify(result));
  if (bytes <= resultMaxBytes) return result;
  throw new VmTaskError('result-too-large', `the result has ${bytes} bytes as JSON and may have ${resultMaxBytes}`);
}
