/**
 * Which task a submitter's key stands for, remembered for a day (`buckets` in streams.ts). The entry is made *before*
 * the task, so that whoever repeats a request after any crash is led to the same id.
 */
import { createHash } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import { z } from 'zod';
import { VmTaskError } from '../errors.ts';
import { type TaskId, taskIdPattern } from '../ids.ts';
import type { Connection } from './connection.ts';

const entrySchema = z.strictObject({
  id: z.string().regex(taskIdPattern) as unknown as z.ZodType<TaskId>,
  bodyHash: z.string(),
});
export type IdempotencyEntry = z.infer<typeof entrySchema>;

/** The entry that holds for `key` from now on: `wanted`, or the one that was there before. */
export async function claimKey({ js }: Connection, key: string, wanted: IdempotencyEntry): Promise<IdempotencyEntry> {
  const bucket = await new Kvm(js).open('idempotency');
  const name = createHash('sha256').update(key).digest('hex');
  try {
    await bucket.create(name, JSON.stringify(wanted));
    return wanted;
  } catch (error) {
    // Refused or unanswered: what is stored decides.
    const entry = await bucket.get(name);
    if (entry !== null) return entrySchema.parse(entry.json());
    throw new VmTaskError('broker-unreachable', 'the idempotency key could not be stored; repeat the request', {
      cause: error,
    });
  }
}
