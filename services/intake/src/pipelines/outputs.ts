/**
 * What stages left behind, for those that need them: as values of expressions, and as what a task is given. Each output
 * is read once for a decision.
 */
import { errorOf, stageStatusesOf } from '@vm-task/pipelines/decisions/next-steps';
import type { TaskId } from '@vm-task/shared/ids';
import type { Json } from '@vm-task/shared/json';
import { type NeededRun, type NeededStage, type Needs, neededValue, type TaskOutput } from '@vm-task/shared/needs';
import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import type { PipelineState } from '@vm-task/shared/pipelines/state';
import { roomFor } from './room-for.ts';

export type ReadOutput = (run: Pick<NeededRun, 'task' | 'pool'>) => Promise<TaskOutput>;

/** A result of usual size travels with the task that needs it; a larger one is read by the task's runner. */
const inlineMaxBytes = 16 * 1024;
/** Of all that one task is given so. */
const inlineTotalBytes = 256 * 1024;

export class Outputs {
  readonly #read: ReadOutput;
  readonly #known = new Map<TaskId, Promise<TaskOutput>>();

  constructor(read: ReadOutput) {
    this.#read = read;
  }

  /** What the stage's expressions find as `needs`, for the stages that they read. @throws `needed-result-gone`. */
  async values(state: PipelineState, reads: ReadonlySet<string>): Promise<Record<string, Json>> {
    const named = [...reads].map(async (name) => [name, await this.#valueOf(endOf(state, name))] as const);
    return Object.fromEntries(await Promise.all(named));
  }

  /** What the stage's task is given. @throws `needed-result-gone`. */
  async needs(state: PipelineState, { needs }: StageSpec): Promise<Needs> {
    const given: Needs = {};
    const takeRoom = roomFor(inlineTotalBytes);
    for (const name of needs) {
      const end = endOf(state, name);
      const runs: NeededRun[] = [];
      for (const run of end.runs) runs.push({ ...run, output: await this.#inline(run, takeRoom) });
      given[name] = { ...end, runs };
    }
    return given;
  }

  async #inline(run: NeededRun, takeRoom: ReturnType<typeof roomFor>): Promise<TaskOutput | null> {
    const output = await this.#outputOf(run);
    const bytes = Buffer.byteLength(JSON.stringify(output));
    return bytes <= inlineMaxBytes && takeRoom(bytes) ? output : null;
  }

  async #valueOf(stage: NeededStage): Promise<Json> {
    return neededValue(stage, await Promise.all(stage.runs.map((run) => this.#outputOf(run))));
  }

  #outputOf(run: NeededRun): Promise<TaskOutput> {
    const known = this.#known.get(run.task) ?? this.#read(run);
    this.#known.set(run.task, known);
    return known;
  }
}

/** How a stage has ended, without what it left behind. */
function endOf(state: PipelineState, name: string): NeededStage {
  const stage = state.stages[name];
  const status = stageStatusesOf(state)[name];
  const runs = stage?.kind === 'begun' ? stage.runs : [];
  return {
    outcome: status === 'succeeded' || status === 'skipped' ? status : 'failed',
    perItem: stage?.kind === 'begun' && stage.items !== null,
    error: errorOf(stage),
    runs: runs.flatMap((run) => {
      if (run.kind !== 'ended') return [];
      const { index, task, pool, outcome, error } = run;
      return [{ index, task, pool, outcome, error, output: null }];
    }),
  };
}
