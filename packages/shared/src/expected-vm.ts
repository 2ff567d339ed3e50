/** A VM that a pipeline will want once a task has succeeded: what the task's specification says, so that it can be ready by then. */
import { z } from 'zod';
import { namePattern, type PipelineId, pipelineIdPattern } from './ids.ts';
import { sizeSchema } from './sizes.ts';

const name = z.string().regex(namePattern);

export const expectedVmSchema = z.strictObject({
  pipeline: z.string().regex(pipelineIdPattern) as unknown as z.ZodType<PipelineId>,
  /** The one that is to have it. Others that it needs may tell of it, too: it is one VM. */
  stage: name,
  pool: name,
  image: z.string(),
  size: sizeSchema,
  egress: z.enum(['none', 'internet']),
});
export type ExpectedVm = z.infer<typeof expectedVmSchema>;
