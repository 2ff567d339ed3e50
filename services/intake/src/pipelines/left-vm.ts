/** Stages in one VM: what the first one's task leaves, and what the next one's task is given of it. */
import type { TaskMachine } from '@vm-task/bus/read-machine';
import type { Drivers } from '@vm-task/hypervisor/drivers/drivers';
import { isSharedLater, sharerBefore } from '@vm-task/pipelines/planning/shared-vm';
import { VmTaskError } from '@vm-task/shared/errors';
import type { LeftVm } from '@vm-task/shared/kept-vm';
import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import type { PipelineState, Run } from '@vm-task/shared/pipelines/state';
import type { TaskKey } from '@vm-task/shared/subjects';
import type { TaskSpec } from '@vm-task/shared/task-spec';

/** The VM in which a task worked. @throws `left-vm-gone`. */
export type ReadMachine = (run: TaskKey) => Promise<TaskMachine>;

/** The VM that the stage is to have, as its task has to know it. */
export interface Left {
  readonly vm: LeftVm;
  readonly machine: TaskMachine;
}

/** Null for a stage that gets a VM of its own. @throws `left-vm-gone`; Error for a VM of a driver that is not known here */
export async function leftFor(
  { spec, stages }: PipelineState,
  stage: StageSpec,
  { readMachine, drivers }: { readonly readMachine: ReadMachine; readonly drivers: Drivers },
): Promise<Left | null> {
  const before = stage.vm === undefined ? null : sharerBefore(spec.stages, stage);
  if (before === null) return null;
  const begun = stages[before.name];
  const run = begun?.kind === 'begun' ? begun.runs.find(hasSucceeded) : undefined;
  if (run === undefined) throw new VmTaskError('left-vm-gone', `the stage "${before.name}" left no VM`);
  const machine = await readMachine(run);
  const capabilities = drivers.capabilitiesOf(machine.driver);
  // Not the pipeline's fault: a newer intake knows it, and the message comes to that one sooner or later.
  if (capabilities === null)
    throw new Error(`${machine.vm} has the driver "${machine.driver}", which is not known here`);
  if (!capabilities.clones) throw new VmTaskError('invalid-pipeline', namedVm(before.name, machine.pool));
  return { vm: { vm: machine.vm, host: machine.host, task: run.task, stage: before.name }, machine };
}

function namedVm(stage: string, pool: string): string {
  return `vm.of: "${stage}" ran on the named VM "${pool}", which stays anyway; write vm: ${pool} here, too`;
}

function hasSucceeded(run: Run): run is Run & { kind: 'ended' } {
  return run.kind === 'ended' && run.outcome === 'succeeded';
}

type Planned = { readonly pool: string; readonly spec: TaskSpec };

/** The stage's task in its place: in the VM that was left for it, and leaving it where another stage comes after. */
export function inPlace(
  { pipeline, spec: { stages } }: PipelineState,
  stage: StageSpec,
  left: Left | null,
  plan: (more: Record<string, string>) => Planned,
): Planned {
  const { pool, spec } = plan(left === null ? {} : { pool: left.machine.pool });
  const keep = isSharedLater(stages, stage) ? { keep: { pipeline, stage: stage.name } } : {};
  return { pool, spec: { ...spec, ...placeOf(spec, left), ...keep } };
}

/** A second attempt would begin with what the first one did to the VM, so there is none. */
function placeOf({ retry }: TaskSpec, left: Left | null): Partial<TaskSpec> {
  if (left === null) return {};
  const { image, size, egress, allow } = left.machine;
  const named = allow === undefined ? {} : { allow };
  return { image, size, egress, ...named, leftVm: left.vm, retry: { ...retry, maxAttempts: 1 } };
}
