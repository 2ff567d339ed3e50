/** The pipelines of the load: two stages, each a task of the load, the second of which needs the first. */
import type { Random } from '@vm-task/simulation/random';
import { type PlannedTask, planTask } from './planned-task.ts';

export interface PlannedPipeline {
  /** Of its first stage; the second has the next. */
  readonly number: number;
  readonly stages: readonly [first: PlannedTask, second: PlannedTask];
  /** What is submitted. */
  readonly submission: object;
  readonly via: 'http' | 'command';
  /** After its acceptance; null: it is left alone. */
  readonly cancelAfterMs: number | null;
}

const cancelChance = 1 / 8;
const cancelWithinMs = 20_000;

export const pipelineName = (number: number): string => `chaos-${number}`;

/** The same source gives the same pipelines. */
export function planPipeline(random: Random, number: number): PlannedPipeline {
  const [first, second] = [planStage(random, number), planStage(random, number + 1)];
  const stages = { first: first.file, second: { ...second.file, needs: ['first'] } };
  const afterMs = random.whole(0, cancelWithinMs);
  return {
    number,
    stages: [first, second],
    submission: { pipeline: { name: pipelineName(number), stages } },
    via: random.pick(['http', 'command'] as const),
    cancelAfterMs: random.chance(cancelChance) ? afterMs : null,
  };
}

/** Nobody cancels a stage alone, so one that waits for that would only take its time. */
function planStage(random: Random, number: number): PlannedTask {
  const task = planTask(random, number);
  return task.kind === 'deaf' ? planStage(random, number) : { ...task, via: 'stage', cancel: null };
}
