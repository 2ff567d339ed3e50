/** The schemas that the description names, and what it says of them. */
import type { SwaggerTransformObject } from '@fastify/swagger';
import { deadLetterSummarySchema } from '@vm-task/api/dead-letters';
import { messageViewSchema } from '@vm-task/api/inbox';
import { pipelineSummarySchema, pipelineViewSchema, stageSchema } from '@vm-task/api/pipelines';
import { problemSchema } from '@vm-task/api/problem';
import { eventViewSchema } from '@vm-task/api/task-output';
import { taskSummarySchema, taskViewSchema } from '@vm-task/api/tasks';
import { templateSummarySchema } from '@vm-task/api/templates';
import { jsonSchema } from '@vm-task/shared/json';
import { parameterSchema } from '@vm-task/shared/pipelines/parameters';
import { progressViewSchema } from '@vm-task/shared/progress';
import { sizeSchema } from '@vm-task/shared/sizes';
import { errorInfoSchema } from '@vm-task/shared/task-ending';
import { jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import { z } from 'zod';

const named = {
  DeadLetterSummary: deadLetterSummarySchema,
  ErrorInfo: errorInfoSchema,
  Event: eventViewSchema,
  // A schema that contains itself can be described by its name only.
  Json: jsonSchema,
  Message: messageViewSchema,
  Parameter: parameterSchema,
  Pipeline: pipelineViewSchema,
  PipelineSummary: pipelineSummarySchema,
  Problem: problemSchema,
  Progress: progressViewSchema,
  Size: sizeSchema,
  Stage: stageSchema,
  Task: taskViewSchema,
  TaskSummary: taskSummarySchema,
  TemplateSummary: templateSummarySchema,
};

type Described = Partial<OpenAPIV3_1.Document>;

export function nameSchemas(): void {
  for (const [id, schema] of Object.entries(named)) z.globalRegistry.add(schema, { id });
}

/** With the named schemas that it refers to; those of answers are open, because answers may gain members. */
export const withComponents: SwaggerTransformObject = (document) => {
  const whole = jsonSchemaTransformObject(document) as Described;
  const schemas = Object.entries(whole.components?.schemas ?? {}).map(([name, schema]) => {
    return [name, name.endsWith('Input') ? schema : opened(schema)];
  });
  const components = { ...whole.components, schemas: Object.fromEntries(schemas) };
  const paths = JSON.parse(JSON.stringify(whole.paths ?? {}), (key, value) =>
    key === 'responses' ? opened(value) : value,
  );
  return withoutUnused(plain({ ...whole, components, paths }));
};

function opened<T>(schema: T): T {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    key === 'additionalProperties' && value === false ? undefined : value,
  );
}

/** Without what zod says of every whole number and every date. */
function plain(document: Described): Described {
  return JSON.parse(JSON.stringify(document), (key, value) => {
    if (['minimum', 'maximum'].includes(key) && Math.abs(value) === Number.MAX_SAFE_INTEGER) return undefined;
    if (value?.format !== 'date-time') return value;
    const { pattern: _, ...date } = value;
    return date;
  });
}

/** Names that are referred to nowhere go, until none is left that only such names refer to. */
function withoutUnused(document: Described): Described {
  const text = JSON.stringify(document);
  const schemas = Object.entries(document.components?.schemas ?? {});
  const used = schemas.filter(([name]) => text.includes(`"#/components/schemas/${name}"`));
  if (used.length === schemas.length) return document;
  return withoutUnused({ ...document, components: { ...document.components, schemas: Object.fromEntries(used) } });
}
