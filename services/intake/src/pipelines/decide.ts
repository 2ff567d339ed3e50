/**
 * What follows from what has happened in a pipeline: one event, or nothing. The same state and outputs always give the
 * same event.
 */
import { nextSteps } from '@vm-task/pipelines/decisions/next-steps';
import { anyHost, type Draft } from '@vm-task/shared/events';
import { ownershipOf } from '@vm-task/shared/people';
import { type Changes, type EndedRun, noChanges } from '@vm-task/shared/pipelines/events';
import { applyChanges, type PipelineState } from '@vm-task/shared/pipelines/state';
import { eventVersionOf } from '@vm-task/shared/task-spec';
import { roomFor } from './room-for.ts';
import { beginStage, type Starting, startRuns } from './start-stage.ts';

/** Half of what the broker takes, as one task may have it all: the first always fits. What finds no room is started after the next end. */
const startedMaxBytes = 4 * 1024 * 1024;

/** `ended`: what the pipeline does not know yet. */
export async function decide(
  state: PipelineState,
  ended: readonly EndedRun[],
  starting: Starting,
): Promise<Draft<'pipeline.advanced' | 'pipeline.completed'> | null> {
  if (state.phase.name === 'over') return null;
  let changes: Changes = { ...noChanges, ended: [...ended] };
  let now = applyChanges(state, changes);
  const takeRoom = roomFor(startedMaxBytes);
  for (;;) {
    const next = nextSteps(now);
    if (next.kind === 'over') {
      const { outcome, error } = next;
      const data = { v: 1 as const, pipeline: state.pipeline, ...changes, start: [], outcome, error };
      return { type: 'pipeline.completed', data, host: anyHost };
    }
    const step = next.kind === 'wait' ? {} : await take(now, next, starting, takeRoom);
    if (isEmpty(step)) break;
    changes = merge(changes, step);
    now = applyChanges(now, { ...noChanges, ...step });
  }
  if (isEmpty(changes)) return null;
  const v = eventVersionOf(...changes.start.map(({ spec }) => spec));
  const data = { v, pipeline: state.pipeline, ...changes, ...ownershipOf(state) };
  return { type: 'pipeline.advanced', data, host: anyHost };
}

async function take(
  state: PipelineState,
  next: Extract<ReturnType<typeof nextSteps>, { kind: 'skip' | 'go' }>,
  starting: Starting,
  takeRoom: (bytes: number) => boolean,
): Promise<Partial<Changes>> {
  if (next.kind === 'skip') return { skip: next.skip };
  let step: Partial<Changes> = {};
  for (const stage of next.begin) {
    const begun = await beginStage(state, stage, starting);
    // One that runs once is begun by its run; one with items is expanded first, and its runs are the next step.
    const change = isEmpty(begun) ? await startRuns(state, stage, starting, takeRoom) : begun;
    step = merge({ ...noChanges, ...step }, change);
  }
  for (const stage of next.resume) {
    step = merge({ ...noChanges, ...step }, await startRuns(state, stage, starting, takeRoom));
  }
  return step;
}

function merge(changes: Changes, more: Partial<Changes>): Changes {
  return {
    ended: [...changes.ended, ...(more.ended ?? [])],
    expand: [...changes.expand, ...(more.expand ?? [])],
    start: [...changes.start, ...(more.start ?? [])],
    skip: [...changes.skip, ...(more.skip ?? [])],
    fail: [...changes.fail, ...(more.fail ?? [])],
  };
}

function isEmpty(changes: Partial<Changes>): boolean {
  return Object.values(changes).every((list) => list.length === 0);
}
