/**
 * Which task or pipeline a submitter's key stands for, remembered for a day (`buckets` in streams.ts). The entry is made
 * *before* the event, so that whoever repeats a request after any crash is led to the same id.
 */
import { createHash } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import { VmTaskError } from '@vm-task/shared/errors';
import { type PipelineId, type TaskId, taskIdPattern } from '@vm-task/shared/ids';
import { z } from 'zod';
import type { Connection } from './connection.ts';

const entrySchema = z.object({ id: z.string().regex(taskIdPattern), bodyHash: z.string() });

/** Keys of tasks and of pipelines are different ones: who claims says which it is. */
export interface IdempotencyEntry<Id extends TaskId | PipelineId = TaskId> {
  readonly id: Id;
  readonly bodyHash: string;
}

/** The entry that holds for `key` from now on: `wanted`, or the one that was there before. */
export async function claimKey<Id extends TaskId | PipelineId>(
  { js }: Connection,
  key: string,
  wanted: IdempotencyEntry<Id>,
): Promise<IdempotencyEntry<Id>> {
  const bucket = await new Kvm(js).open('idempotency');
  const name = createHash('sha256').update(key).digest('hex');
  try {
    await bucket.create(name, JSON.stringify(wanted));
    return wanted;
  } catch (error) {
    // Refused or unanswered: what is stored decides.
    const entry = await bucket.get(name);
    if (entry !== null) return entrySchema.parse(entry.json()) as IdempotencyEntry<Id>;
    throw new VmTaskError('broker-unreachable', 'the idempotency key could not be stored; repeat the request', {
      cause: error,
    });
  }
}
