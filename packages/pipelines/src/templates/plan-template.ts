/** Templates made ready: checked when they are installed, filled when they are run. */

import { VmTaskError } from '@vm-task/shared/errors';
import { type Json, jsonProblem } from '@vm-task/shared/json';
import { type Parameters, resolveParameters } from '@vm-task/shared/pipelines/parameters';
import {
  isTaskTemplate,
  pipelineTemplateSchema,
  type TemplateFile,
  taskTemplateSchema,
} from '@vm-task/shared/templates/template-file';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { type Expressions, fillOnce, newBudget } from '../expressions/fill.ts';
import { TemplateError } from '../expressions/template.ts';
import { planPipeline } from '../planning/plan-pipeline.ts';
import type { Pools } from '../planning/pools.ts';

/** Small beside what a task may have: a template is text that people write. */
const templateMaxBytes = 1024 * 1024;

/**
 * Everything that can be known without the parameters' values is right in what is returned.
 * @throws `invalid-template` with what is wrong, `payload-too-large`.
 */
export function parseTemplate(submitted: unknown, config: Pools): TemplateFile {
  const problem = jsonProblem(submitted);
  if (problem !== null) throw new VmTaskError('invalid-template', `the template cannot be taken as JSON: ${problem}`);
  const bytes = Buffer.byteLength(JSON.stringify(submitted));
  if (bytes > templateMaxBytes) {
    throw new VmTaskError('payload-too-large', `the template has ${bytes} bytes and may have ${templateMaxBytes}`);
  }
  // Each has keys of its own, and which of them was meant is seen by the one key.
  const isForTask = typeof submitted === 'object' && submitted !== null && Object.hasOwn(submitted, 'task');
  const schema = isForTask ? taskTemplateSchema : pipelineTemplateSchema;
  const parsed = schema.safeParse(submitted);
  if (!parsed.success) throw new VmTaskError('invalid-template', explainIssues(parsed.error, schema));
  const file = submitted as TemplateFile;
  checkTemplateFile(file, config);
  return file;
}

function checkTemplateFile(file: TemplateFile, config: Pools): void {
  const { name, description, parameters = {} } = file;
  // One stage of a pipeline is a task, and is looked at in the same way.
  const pipeline = isTaskTemplate(file) ? { name, description, parameters, stages: { [name]: file.task } } : file;
  try {
    planPipeline({ pipeline, parameters: someValues(parameters) }, config);
  } catch (error) {
    if (!(error instanceof VmTaskError) || error.code !== 'invalid-pipeline') throw error;
    const message = isTaskTemplate(file) ? error.message.replaceAll(`stages.${name}`, 'task') : error.message;
    throw new VmTaskError('invalid-template', message, { cause: error });
  }
}

/** For parameters that have to be given: one of each type, so that the rest can be looked at. */
function someValues(parameters: Parameters): Record<string, Json> {
  const example = { string: '', integer: 0, number: 0, boolean: false, list: [], map: {} } as const;
  const required = Object.entries(parameters).filter(([, parameter]) => parameter.default === undefined);
  return Object.fromEntries(
    required.map(([name, { type, options }]) => [name, (options?.[0] ?? example[type]) as Json]),
  );
}

/** What is to be submitted: a task's file, or a pipeline with its parameters. */
export type Rendered =
  | { readonly kind: 'task'; readonly task: Json }
  | { readonly kind: 'pipeline'; readonly pipeline: TemplateFile; readonly parameters: Readonly<Record<string, Json>> };

/**
 * The template with these values. A pipeline evaluates its expressions itself, stage by stage.
 * @throws `invalid-pipeline` for parameters that are wrong or missing, `expression-failed`.
 */
export async function renderTemplate(
  file: TemplateFile,
  given: Readonly<Record<string, Json>>,
  expressions: Expressions,
): Promise<Rendered> {
  const parameters = resolveParameters(file.parameters ?? {}, given);
  if (!isTaskTemplate(file)) return { kind: 'pipeline', pipeline: file, parameters };
  const scope = { parameters: Object.keys(parameters), needs: new Map(), stages: [], perItem: false };
  try {
    const values = { params: parameters, needs: {} };
    const order = { template: file.task, isTask: true, scope, values };
    return { kind: 'task', task: await fillOnce(expressions, order, newBudget()) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new VmTaskError('expression-failed', `template "${file.name}": task.${error.message}`, { cause: error });
  }
}
