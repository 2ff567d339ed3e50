/** Beginning a stage: its condition, its items, and its tasks, with every expression evaluated, once and for all. */
import type { Drivers } from '@vm-task/hypervisor/drivers/drivers';
import { unstarted } from '@vm-task/pipelines/decisions/next-steps';
import { type Budget, type Expressions, type Filled, fillOnce } from '@vm-task/pipelines/expressions/fill';
import { checkTemplate, isScript, TemplateError } from '@vm-task/pipelines/expressions/template';
import { answerersFor } from '@vm-task/pipelines/planning/approvers';
import { questionSpec } from '@vm-task/pipelines/planning/manual-task';
import { scopeOf } from '@vm-task/pipelines/planning/plan-pipeline';
import type { Answerers } from '@vm-task/shared/answerers';
import { type ErrorInfo, VmTaskError } from '@vm-task/shared/errors';
import { manualPool } from '@vm-task/shared/ids';
import type { Json } from '@vm-task/shared/json';
import { taskIdFromCause } from '@vm-task/shared/new-ids';
import type { Changes, StartedRun } from '@vm-task/shared/pipelines/events';
import { maxItems } from '@vm-task/shared/pipelines/file';
import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import type { PipelineState } from '@vm-task/shared/pipelines/state';
import type { TaskSpec } from '@vm-task/shared/task-spec';
import { inPlace, leftFor, type ReadMachine } from './left-vm.ts';
import type { Outputs } from './outputs.ts';

export interface Starting {
  /** A task file as the task of a pool. @throws what `planTask` throws. */
  readonly plan: (file: unknown) => { readonly pool: string; readonly spec: TaskSpec };
  readonly outputs: Outputs;
  readonly drivers: Drivers;
  readonly readMachine: ReadMachine;
  readonly expressions: Expressions;
  /** Of this decision, all its stages together. */
  readonly budget: Budget;
  /** When what caused this was stored: it is part of the ids. */
  readonly atMs: number;
}

/** Items are kept with the decision. */
const itemsMaxBytes = 1024 * 1024;
/** Of filled tasks: one decision has no room for more. */
const filledMaxBytes = 4 * 1024 * 1024;

type Change = Partial<Changes>;

/** Whether the stage runs at all, and for which items; nothing to say for one that runs once. */
export async function beginStage(state: PipelineState, stage: StageSpec, starting: Starting): Promise<Change> {
  try {
    const scope = scopeOf(state.spec, stage, false);
    const asked = { if: stage.if ?? true, forEach: stage.forEach ?? [] };
    const { reads } = checkTemplate(asked, scope, () => false);
    const values = { params: state.parameters, needs: await starting.outputs.values(state, reads) };
    const fill = (template: Json) =>
      fillOnce(starting.expressions, { template, isTask: false, scope, values }, starting.budget);
    const isWanted = (await fill({ if: asked.if })) as { if: Json };
    if (typeof isWanted.if !== 'boolean') throw new TemplateError(`if: it gives ${shown(isWanted.if)}, not a boolean`);
    if (!isWanted.if) return skipped(stage);
    if (stage.forEach === null) return {};
    const { forEach } = (await fill({ forEach: asked.forEach })) as { forEach: Json };
    return { expand: [{ stage: stage.name, items: checkItems(forEach) }] };
  } catch (error) {
    return { fail: [{ stage: stage.name, index: null, error: errorOf(error) }] };
  }
}

/** The stage's runs that are not there yet, as many as there is room for: the others are started later. */
export async function startRuns(
  state: PipelineState,
  stage: StageSpec,
  starting: Starting,
  takeRoom: (bytes: number) => boolean,
): Promise<Change> {
  const start: StartedRun[] = [];
  const fail: Changes['fail'] = [];
  const begun = state.stages[stage.name] ?? { kind: 'waiting' };
  const indexes = begun.kind === 'begun' ? unstarted(begun) : [0];
  const items = begun.kind === 'begun' ? begun.items : null;
  const filled = await fillRuns(state, stage, starting, indexes, items);
  for (const [at, task] of filled.entries()) {
    const index = indexes[at] ?? 0;
    try {
      const run = await startRun(state, stage, starting, index, task);
      if (!takeRoom(Buffer.byteLength(JSON.stringify(run)))) break;
      start.push(run);
    } catch (error) {
      fail.push({ stage: stage.name, index, error: errorOf(error) });
    }
  }
  return { start, fail };
}

/** What each run is given, for as many as there is room for; what fails for all of them fails each. */
async function fillRuns(
  state: PipelineState,
  stage: StageSpec,
  { outputs, expressions, budget }: Starting,
  indexes: readonly number[],
  items: readonly Json[] | null,
): Promise<readonly (Filled | { readonly kind: 'refused'; readonly error: unknown })[]> {
  try {
    const scope = scopeOf(state.spec, stage, true);
    const template = { ...stage.task, description: stage.description };
    const { reads } = checkTemplate(template, scope, isScript);
    const values = { params: state.parameters, needs: await outputs.values(state, reads) };
    const given = indexes.map((index) => (items === null ? {} : { item: items[index] ?? null, index }));
    const order = { template, isTask: true, scope, values, items: given, maxBytes: filledMaxBytes };
    return await expressions.fill(order, budget);
  } catch (error) {
    return indexes.map(() => ({ kind: 'refused', error }));
  }
}

async function startRun(
  state: PipelineState,
  stage: StageSpec,
  starting: Starting,
  index: number,
  filled: Awaited<ReturnType<typeof fillRuns>>[number],
): Promise<StartedRun> {
  if (filled.kind === 'refused') throw filled.error;
  if (filled.kind === 'failed') throw new TemplateError(filled.message);
  const { plan, outputs, atMs } = starting;
  const needs = stage.needs.length === 0 ? {} : { needs: await outputs.needs(state, stage) };
  const run = 1;
  const left = await leftFor(state, stage, starting);
  const planning = { plan, answerers: answerersFor(stage, state.submitter) };
  const { pool, spec } = inPlace(state, stage, left, (more) => planFilled(stage, filled.value, planning, more));
  const task = taskIdFromCause(atMs, 'pipeline', state.pipeline, stage.name, String(index), String(run));
  return { stage: stage.name, index, run, task, pool, spec: { ...spec, ...needs } };
}

function planFilled(
  stage: StageSpec,
  filled: Json,
  { plan, answerers }: Pick<Starting, 'plan'> & { readonly answerers: Answerers | undefined },
  more: Record<string, Json>,
) {
  const { description = '', ...own } = filled as Record<string, Json>;
  const task = { ...own, ...more };
  if (stage.kind === 'task') return plan(task);
  const text = typeof description === 'string' ? description : JSON.stringify(description);
  const { inputs, labels, alertAfterMs } = plan({ command: ['true'], ...task }).spec;
  const question = { from: stage.kind, text, answerers, deadlineMs: stage.deadlineMs, inputs, labels, alertAfterMs };
  return { pool: manualPool, spec: questionSpec(question) };
}

function checkItems(items: Json): Json[] {
  if (!Array.isArray(items)) throw new TemplateError(`forEach: it gives ${shown(items)}, not a list`);
  if (items.length > maxItems) {
    const message = `forEach: ${items.length} items; a stage may run for ${maxItems}. Let each run take several of them`;
    throw new VmTaskError('too-many-items', message);
  }
  const bytes = Buffer.byteLength(JSON.stringify(items));
  if (bytes <= itemsMaxBytes) return items;
  const message = `forEach: the items have ${bytes} bytes as JSON and may have ${itemsMaxBytes}. Hand over names of them`;
  throw new VmTaskError('too-many-items', message);
}

function skipped({ name, if: condition }: StageSpec): Change {
  return { skip: [{ stage: name, reason: 'condition', text: `${condition} is false` }] };
}

/** @throws whatever is no fault of the pipeline, and may heal. */
function errorOf(error: unknown): ErrorInfo {
  if (error instanceof TemplateError) return { code: 'expression-failed', message: error.message };
  if (error instanceof VmTaskError && !isBrokers(error)) return error.info;
  throw error;
}

function isBrokers({ code }: VmTaskError): boolean {
  return code.startsWith('broker-') || code === 'newer-event';
}

function shown(value: Json): string {
  return JSON.stringify(value).slice(0, 60);
}
