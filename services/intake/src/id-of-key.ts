/** Which id a submission has: one of its own, or the one that its key stands for. */
import { createHash } from 'node:crypto';
import type { IdempotencyEntry } from '@vm-task/bus/idempotency';
import { VmTaskError } from '@vm-task/shared/errors';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';

export interface Keyed {
  readonly body: unknown;
  /** The `Idempotency-Key`. */
  readonly key: string;
}

/** The id of whoever claims the key first, with this body. @throws `idempotency-conflict`, and what `claim` throws. */
export async function idOfKey<Id extends TaskId | PipelineId>(
  what: 'task' | 'pipeline',
  { body, key }: Keyed,
  id: Id,
  claim: (wanted: IdempotencyEntry<Id>) => Promise<IdempotencyEntry<Id>>,
): Promise<Id> {
  const bodyHash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  const entry = await claim({ id, bodyHash });
  if (entry.bodyHash === bodyHash) return entry.id;
  throw new VmTaskError(
    'idempotency-conflict',
    `the key ${JSON.stringify(key)} stands for ${what} ${entry.id}, which was submitted with another body; use a new key`,
  );
}
