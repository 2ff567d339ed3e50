/** What a task's specification says of VMs that outlive one task: that it leaves its own to a later one, or is that later one. */
import { z } from 'zod';
import {
  namePattern,
  type PipelineId,
  pipelineIdPattern,
  type TaskId,
  taskIdPattern,
  type VmId,
  vmIdPattern,
} from './ids.ts';

const name = z.string().regex(namePattern);

/** Once the task of this stage has succeeded, its VM waits for the pipeline's next stage that runs in it. */
export const keepSchema = z.strictObject({
  pipeline: z.string().regex(pipelineIdPattern) as unknown as z.ZodType<PipelineId>,
  stage: name,
});
export type Keep = z.infer<typeof keepSchema>;

/** A VM that an earlier task left: the task to come runs in exactly this one. */
export const leftVmSchema = z.strictObject({
  vm: z.string().regex(vmIdPattern) as unknown as z.ZodType<VmId>,
  host: z.string(),
  /** The last one that worked in it, of that stage. */
  task: z.string().regex(taskIdPattern) as unknown as z.ZodType<TaskId>,
  stage: name,
});
export type LeftVm = z.infer<typeof leftVmSchema>;
