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

export interface Keys {
  /** The entry of the key, or null. */
  find<Id extends TaskId | PipelineId>(key: string): Promise<IdempotencyEntry<Id> | null>;
  /** The entry that holds for `key` from now on: `wanted`, or the one that was there before. */
  claim<Id extends TaskId | PipelineId>(key: string, wanted: IdempotencyEntry<Id>): Promise<IdempotencyEntry<Id>>;
}

export function keysOf({ js }: Pick<Connection, 'js'>): Keys {
  const open = () => new Kvm(js).open('idempotency');
  const find = async <Id extends TaskId | PipelineId>(key: string): Promise<IdempotencyEntry<Id> | null> => {
    const entry = await (await open()).get(nameOf(key));
    return entry === null ? null : (entrySchema.parse(entry.json()) as IdempotencyEntry<Id>);
  };
  return {
    find,
    async claim(key, wanted) {
      try {
        await (await open()).create(nameOf(key), JSON.stringify(wanted));
        return wanted;
      } catch (error) {
        // Refused or unanswered: what is stored decides.
        const entry = await find<(typeof wanted)['id']>(key);
        if (entry !== null) return entry;
        const message = 'the idempotency key could not be stored; repeat the request';
        throw new VmTaskError('broker-unreachable', message, { cause: error });
      }
    },
  };
}

function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
