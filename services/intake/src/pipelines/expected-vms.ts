/** Stages that wait for nothing but the ends of what runs: the tasks of those say which VMs will be wanted then. */

import { type Standing, standingsOf } from '@vm-task/pipelines/decisions/next-steps';
import type { ExpectedVm } from '@vm-task/shared/expected-vm';
import type { StartedRun } from '@vm-task/shared/pipelines/events';
import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import type { PipelineState } from '@vm-task/shared/pipelines/state';
import type { Starting } from './start-stage.ts';

/** What of a task's file decides on its VM. */
const machineKeys = ['pool', 'image', 'resources', 'egress'] as const;

/** The runs that the decision starts, after which the pipeline is in `state`. */
export function withExpected(state: PipelineState, start: readonly StartedRun[], plan: Starting['plan']): StartedRun[] {
  const standings = standingsOf(state);
  const next = state.spec.stages.filter((stage) => isNext(stage, state.spec.stages, standings));
  const told = next.map((stage) => ({ needs: stage.needs, expected: expectedOf(state, stage, plan) }));
  return start.map((run) => {
    const expects = told.flatMap(({ needs, expected }) => (needs.includes(run.stage) ? expected : []));
    return expects.length === 0 ? run : { ...run, spec: { ...run.spec, expects } };
  });
}

/** True when nothing but what runs now keeps the stage from beginning, once, in a VM of its own. */
function isNext(
  stage: StageSpec,
  stages: readonly StageSpec[],
  standings: Readonly<Record<string, Standing>>,
): boolean {
  const { name, kind, needs, if: condition, forEach, onFailure, vm } = stage;
  const isPlain = kind === 'task' && condition === null && forEach === null && !onFailure && vm === undefined;
  if (!isPlain || standings[name] !== 'waiting') return false;
  // A person may take a day.
  const running = stages.filter((one) => needs.includes(one.name) && standings[one.name] !== 'succeeded');
  return running.every((one) => one.kind === 'task' && standings[one.name] === 'running');
}

/** None where only the moment of the start can tell, and for named VMs. */
function expectedOf(
  { pipeline }: PipelineState,
  { name: stage, task }: StageSpec,
  plan: Starting['plan'],
): ExpectedVm[] {
  const keys = machineKeys.flatMap((key) => (Object.hasOwn(task, key) ? [[key, task[key]]] : []));
  if (Object.hasOwn(task, 'vm') || JSON.stringify(keys).includes('${{')) return [];
  const { pool, spec } = plan({ command: ['true'], ...Object.fromEntries(keys) });
  const { image, size, egress } = spec;
  return [{ pipeline, stage, pool, image, size, egress }];
}
