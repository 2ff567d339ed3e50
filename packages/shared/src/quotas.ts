/** How much a team may have at once, or do in a day. What has no quota has no limit of its own. */
import { z } from 'zod';

const amount = z.int().min(0);

/** Keys of `teams.<team>.quotas` in `vm-task.yaml`; the API and refusals name them so, too. */
export const quotasSchema = z.strictObject({
  /** Tasks that wait for a VM, for the first time or again. */
  waitingTasks: amount.optional(),
  /** Tasks since midnight, UTC. */
  tasksPerDay: amount.optional(),
  /** Files that tasks have left, as long as they are kept. */
  artifactsMiB: amount.optional(),
  /** Output of tasks, as long as it is kept. */
  outputMiB: amount.optional(),
  /** Messages that are kept, read or not. */
  messages: amount.optional(),
});
export type Quotas = Readonly<z.infer<typeof quotasSchema>>;

export type QuotaName = keyof Quotas;
export const quotaNames = Object.keys(quotasSchema.shape) as readonly QuotaName[];
