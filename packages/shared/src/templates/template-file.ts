/**
 * A template as people write it: a pipeline's file with a name, or a task with a name and parameters. Its parameters are
 * what whoever runs it says; prompts are parameters, too.
 */
import { z } from 'zod';
import type { SystemConfig } from '../config.ts';
import { VmTaskError } from '../errors.ts';
import { namePattern } from '../ids.ts';
import { type Json, jsonObjectSchema, jsonProblem } from '../json.ts';
import { pipelineFileSchema } from '../pipelines/file.ts';
import { type Parameters, parameterNameSchema, parameterSchema, resolveParameters } from '../pipelines/parameters.ts';
import { isScript, planPipeline } from '../pipelines/spec.ts';
import { fillTemplate, TemplateError } from '../pipelines/template.ts';
import { explainIssues } from '../unknown-keys.ts';

const nameSchema = z.string().regex(namePattern, 'must be 1 to 32 of a-z, 0-9 and inner dashes');

const taskTemplateSchema = z.strictObject({
  name: nameSchema,
  description: z.string().max(4_000).optional(),
  parameters: z.record(parameterNameSchema, parameterSchema).optional(),
  /** As in a task file, with expressions. */
  task: jsonObjectSchema,
});
const pipelineTemplateSchema = pipelineFileSchema.required({ name: true });

export const templateFileSchema = z.union([taskTemplateSchema, pipelineTemplateSchema]);
/** As it was written, durations and all: what it is run as reads it once more. */
export type TemplateFile = TaskTemplate | PipelineTemplate;
interface Common {
  readonly name: string;
  readonly description?: string;
  readonly parameters?: Parameters;
}
type TaskTemplate = Common & { readonly task: Json };
type PipelineTemplate = Common & { readonly stages: Readonly<Record<string, Json>> };

export const templateKinds = ['task', 'pipeline'] as const;
export type TemplateKind = (typeof templateKinds)[number];

/** Small beside what a task may have: a template is text that people write. */
const templateMaxBytes = 1024 * 1024;

function isTask(file: TemplateFile): file is TaskTemplate {
  return Object.hasOwn(file, 'task');
}

export function kindOf(file: TemplateFile): TemplateKind {
  return isTask(file) ? 'task' : 'pipeline';
}

/**
 * Everything that can be known without the parameters' values is right in what is returned.
 * Thrown: `invalid-template` with what is wrong, `payload-too-large`.
 */
export function parseTemplate(submitted: unknown, config: SystemConfig): TemplateFile {
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

function checkTemplateFile(file: TemplateFile, config: SystemConfig): void {
  const { name, description, parameters = {} } = file;
  // One stage of a pipeline is a task, and is looked at in the same way.
  const pipeline = isTask(file) ? { name, description, parameters, stages: { [name]: file.task } } : file;
  try {
    planPipeline({ pipeline, parameters: someValues(parameters) }, config);
  } catch (error) {
    if (!(error instanceof VmTaskError) || error.code !== 'invalid-pipeline') throw error;
    const message = isTask(file) ? error.message.replaceAll(`stages.${name}`, 'task') : error.message;
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
 * Thrown: `invalid-pipeline` for parameters that are wrong or missing, `expression-failed`.
 */
export function renderTemplate(file: TemplateFile, given: Readonly<Record<string, Json>>): Rendered {
  const parameters = resolveParameters(file.parameters ?? {}, given);
  if (!isTask(file)) return { kind: 'pipeline', pipeline: file, parameters };
  const scope = { parameters: Object.keys(parameters), needs: new Map(), stages: [], perItem: false };
  try {
    return { kind: 'task', task: fillTemplate(file.task, scope, { params: parameters, needs: {} }, isScript) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new VmTaskError('expression-failed', `template "${file.name}": task.${error.message}`, { cause: error });
  }
}
