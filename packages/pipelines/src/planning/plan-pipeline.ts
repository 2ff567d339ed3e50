/**
 * From a pipeline file to a pipeline. Whatever can be known to be wrong is refused here, before anything runs. The map
 * of this package:
 *
 * | file | role |
 * |---|---|
 * | `plan-pipeline.ts`, `order.ts`, `shared-vm.ts` | a pipeline's file: checked, ordered, which stages share a VM |
 * | `approvers.ts` | who may answer what its stages ask |
 * | `plan-task.ts`, `manual-task.ts`, `pools.ts` | a task's file: every default applied, the machine chosen |
 * | `../expressions/` | CEL, and texts with expressions in them |
 * | `../templates/` | templates: checked when installed, filled when run |
 * | `../decisions/` | what follows in a pipeline from its state alone |
 */
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import { type Json, jsonProblem } from '@vm-task/shared/json';
import {
  type PipelineFile,
  pipelineSubmissionSchema,
  type StageFile,
  splitStage,
} from '@vm-task/shared/pipelines/file';
import { resolveParameters } from '@vm-task/shared/pipelines/parameters';
import type { PipelineSpec, StageSpec } from '@vm-task/shared/pipelines/spec';
import { taskFileSchema } from '@vm-task/shared/task-file';
import { taskMaxBytes } from '@vm-task/shared/task-spec';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import type { Scope } from '../expressions/expression.ts';
import {
  type Checked,
  checkTemplate,
  expressionsLength,
  expressionsMaxChars,
  isScript,
  type Problem,
  typeOf,
} from '../expressions/template.ts';
import { answerersIn, approverProblems } from './approvers.ts';
import { orderStages } from './order.ts';
import { planTask } from './plan-task.ts';
import type { Pools } from './pools.ts';
import { resolveSharing } from './shared-vm.ts';

/** People answer within a day, or the question has gone stale. */
const defaultDeadlineMs = 24 * 3_600_000;

export interface PlannedPipeline {
  readonly spec: PipelineSpec;
  readonly parameters: Readonly<Record<string, Json>>;
}

/** @throws `invalid-pipeline` with everything that is wrong, `payload-too-large`. */
export function planPipeline(submitted: unknown, config: Pools): PlannedPipeline {
  const problem = jsonProblem(submitted);
  if (problem !== null) throw new VmTaskError('invalid-pipeline', `the pipeline cannot be taken as JSON: ${problem}`);
  const parsed = pipelineSubmissionSchema.safeParse(submitted);
  if (!parsed.success) {
    const sentences = explainIssues(parsed.error, pipelineSubmissionSchema);
    throw new VmTaskError('invalid-pipeline', sentences.replaceAll(/(^|; )pipeline\./g, '$1'));
  }
  const file = parsed.data.pipeline;
  requireFewExpressions(file);
  const spec = specFrom(file);
  const problems = spec.stages.flatMap((stage) => checkStage(stage, spec, config));
  if (problems.length > 0) throw new VmTaskError('invalid-pipeline', problems.slice(0, 10).join('; '));
  const planned = { spec, parameters: resolveParameters(spec.parameters, parsed.data.parameters ?? {}) };
  const bytes = Buffer.byteLength(JSON.stringify(planned));
  if (bytes <= taskMaxBytes) return planned;
  throw new VmTaskError('payload-too-large', `the pipeline has ${bytes} bytes as JSON and may have ${taskMaxBytes}`);
}

/** Before any is read. */
function requireFewExpressions({ stages }: PipelineFile): void {
  const length = expressionsLength(stages as Json);
  if (length <= expressionsMaxChars) return;
  const message = `the expressions have ${length} characters together and may have ${expressionsMaxChars}; give what is large as a parameter`;
  throw new VmTaskError('invalid-pipeline', message);
}

/** What an expression of the stage may name; `if` and `forEach` are asked before there is an item. */
export function scopeOf(spec: PipelineSpec, stage: StageSpec, perItem: boolean): Scope {
  const kinds = new Map(spec.stages.map(({ name, forEach }) => [name, forEach !== null]));
  return {
    parameters: Object.keys(spec.parameters),
    needs: new Map(stage.needs.map((name) => [name, kinds.get(name) ?? false])),
    stages: [...kinds.keys()],
    perItem: perItem && stage.forEach !== null,
  };
}

function specFrom(file: PipelineFile): PipelineSpec {
  const stages = Object.entries(file.stages).map(([name, stage]) => ({ name, ...splitStage(stage) }));
  const problems = stages.flatMap(({ name, own, task }) => [
    ...alwaysProblems(name, own),
    ...ownProblems(name, own, task),
    ...approverProblems(name, own),
  ]);
  if (problems.length > 0) throw new VmTaskError('invalid-pipeline', problems.join('; '));
  const ordered = resolveSharing(orderStages(stages.map((stage) => stageFrom(stage, stages))));
  if ('problems' in ordered) throw new VmTaskError('invalid-pipeline', ordered.problems.join('; '));
  return {
    name: file.name ?? 'pipeline',
    description: file.description ?? '',
    failure: file.failure ?? 'stop',
    parameters: file.parameters ?? {},
    stages: [...ordered],
  };
}

type NamedStage = StageFile & { readonly name: string };

function stageFrom({ name, own, task }: NamedStage, stages: readonly NamedStage[]): StageSpec {
  return {
    name,
    kind: own.kind ?? 'task',
    needs: [...new Set(own.needs ?? usualNeeds(name, own, stages))],
    onFailure: own.onFailure ?? false,
    ...(own.always === true ? { always: true } : {}),
    if: own.if ?? null,
    forEach: own.forEach ?? null,
    task,
    description: own.description ?? '',
    deadlineMs: own.deadline ?? defaultDeadlineMs,
    ...answerersIn(own),
    ...(own.vm === undefined ? {} : { vm: own.vm }),
  };
}

/** Without a word about it, a stage for failures is for any of them, and one that always runs comes after all others. */
function usualNeeds(of: string, { onFailure, always }: StageFile['own'], stages: readonly NamedStage[]): string[] {
  if (onFailure !== true && always !== true) return [];
  const after = thoseThatNeed(of, stages);
  const isBefore = ({ name, own }: NamedStage) =>
    !after.has(name) && own.always !== true && (always === true || own.onFailure !== true);
  return stages.filter(isBefore).map(({ name }) => name);
}

/** Itself, and all that say that they need it, directly or through others. */
function thoseThatNeed(of: string, stages: readonly NamedStage[]): ReadonlySet<string> {
  const found = new Set([of]);
  for (const needed of found) {
    for (const { name, own } of stages) if (own.needs?.includes(needed) === true) found.add(name);
  }
  return found;
}

/** What a person is shown, labels, and when people are told that nobody has answered. */
const manualKeys = ['inputs', 'labels', 'alertAfter'];

function alwaysProblems(name: string, { kind = 'task', always, onFailure }: StageFile['own']): string[] {
  if (always !== true) return [];
  const at = `stages.${name}.always`;
  return [
    ...(onFailure === true
      ? [`${at}: goes without onFailure; a stage that always runs is there after a failure, too`]
      : []),
    ...(kind === 'task' ? [] : [`${at}: goes with a task; a pipeline that is cancelled waits for nobody's answer`]),
  ];
}

function ownProblems(name: string, own: StageFile['own'], task: StageFile['task']): string[] {
  if (own.kind === undefined || own.kind === 'task') {
    return ['deadline', 'description']
      .filter((key) => Object.hasOwn(own, key))
      .map((key) => `stages.${name}.${key}: goes with kind external or approval; a task has timeouts`);
  }
  const keys = own.vm === undefined ? Object.keys(task) : [...Object.keys(task), 'vm'];
  return keys
    .filter((key) => !manualKeys.includes(key))
    .map((key) => `stages.${name}.${key}: goes with a task; a stage of kind ${own.kind} runs nothing`);
}

function checkStage(stage: StageSpec, spec: PipelineSpec, config: Pools): string[] {
  const perItem = scopeOf(spec, stage, true);
  const before = scopeOf(spec, stage, false);
  const conditions = { if: stage.if ?? '', forEach: stage.forEach ?? [] };
  const checks = [
    checkTemplate(conditions, before, () => false),
    checkTemplate({ description: stage.description }, perItem, () => false),
    checkTemplate(stage.task, perItem, isScript),
  ] as const;
  const sentence = ({ path, message }: Problem) => `stages.${[stage.name, ...path].join('.')}: ${message}`;
  const problems = checks.flatMap(({ problems: found }) => found.map(sentence));
  if (problems.length === 0) problems.push(...checkTypes(stage, before));
  return problems.length > 0 ? problems : checkTask(stage, checks[2], config);
}

/** Of a value that is not known yet, its type may be. */
function checkTypes({ name, if: condition, forEach }: StageSpec, scope: Scope): string[] {
  const wanted = [
    { key: 'if', text: condition, what: 'a boolean', pattern: /^(bool|dyn)/ },
    { key: 'forEach', text: forEach, what: 'a list', pattern: /^(list|dyn)/ },
  ];
  return wanted.flatMap(({ key, text, what, pattern }) => {
    const type = typeof text === 'string' ? typeOf(text, scope) : 'dyn';
    if (type === null) return [`stages.${name}.${key}: must be one expression, written \${{ … }}`];
    return pattern.test(type) ? [] : [`stages.${name}.${key}: it gives ${type}, not ${what}`];
  });
}

/** Where an expression stands, only the moment of the stage's start can tell whether its value fits. */
function checkTask({ name, kind, task }: StageSpec, { places }: Checked, config: Pools): string[] {
  if (kind !== 'task') return [];
  const parsed = taskFileSchema.safeParse(task);
  const isOpen = ({ code, path }: { code: string; path: readonly PropertyKey[] }) =>
    code !== 'invalid_key' && places.some((place) => place.every((step, index) => String(path[index]) === step));
  const issues = parsed.success ? [] : parsed.error.issues.filter((issue) => !isOpen(issue));
  if (issues.length > 0) return [explainIssues({ issues }, taskFileSchema, ['stages', name])];
  const open = new Set(places.map(([key]) => key));
  // Which machine it gets depends on these.
  if (open.has('pool') || open.has('vm')) return [];
  const known = Object.fromEntries(Object.entries(task).filter(([key]) => !open.has(key)));
  return planProblem(name, open.has('command') ? { ...known, command: ['true'] } : known, config);
}

function planProblem(name: string, task: StageSpec['task'], config: Pools): string[] {
  try {
    planTask(task, config);
    return [];
  } catch (error) {
    if (!(error instanceof VmTaskError)) throw error;
    return [`stages.${name}: ${errorInfo(error).message}`];
  }
}
