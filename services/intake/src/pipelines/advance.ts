/** Deciding about a pipeline and appending the decision, again for as long as others are faster. */
import { isStoredAs } from '@vm-task/bus/append';
import type { Bus } from '@vm-task/bus/bus';
import { newBudget } from '@vm-task/pipelines/expressions/fill';
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import type { SystemConfig } from '@vm-task/service/config';
import type { PipelineId } from '@vm-task/shared/ids';
import type { EndedRun } from '@vm-task/shared/pipelines/events';
import type { PipelineState } from '@vm-task/shared/pipelines/state';
import { decide } from './decide.ts';
import { Outputs, type ReadOutput } from './outputs.ts';
import type { ReadPipeline } from './pipeline-reader.ts';
import type { Starting } from './start-stage.ts';

export interface Advancing {
  readonly bus: Pick<Bus, 'append'>;
  readonly config: SystemConfig;
  readonly readPipeline: ReadPipeline;
  readonly readOutput: ReadOutput;
  readonly readMachine: Starting['readMachine'];
  readonly expressions: Starting['expressions'];
}

/** What is new to a state: nothing for one that knows it already. */
export type Change = (state: PipelineState) => readonly EndedRun[] | 'known';

/**
 * Returns once the stream has what follows, or nothing follows. Appends by itself and not by the handler's outcome:
 * after a conflict, an end must be decided on again and not be lost.
 */
export async function advancePipeline(
  { bus, config, readPipeline, readOutput, readMachine, expressions }: Advancing,
  pipeline: PipelineId,
  atMs: number,
  change: Change,
  signal: AbortSignal,
): Promise<void> {
  const outputs = new Outputs(readOutput);
  const { drivers } = config;
  const plan = (file: unknown) => planTask(file, config);
  for (;;) {
    const state = await readPipeline(pipeline);
    const ended = state === null ? 'known' : change(state);
    if (state === null || ended === 'known') return;
    const starting = { plan, outputs, drivers, readMachine, expressions, budget: newBudget(), atMs };
    const draft = await decide(state, ended, starting);
    if (draft === null) return;
    const appended = await bus.append(draft, state.seq, signal);
    // Decisions on one state have one id, whatever change they are about: another's may be the one that is stored.
    if (isStoredAs(draft, appended)) return;
  }
}
