/** Whether two requests with one key ask for the same. */
import { createHash } from 'node:crypto';
import type { IdempotencyEntry } from '@vm-task/bus/idempotency';
import { VmTaskError } from '@vm-task/shared/errors';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { isDeeper } from '@vm-task/shared/json';

/** Deeper than whatever is accepted. */
const maxDepth = 200;

/** Of what a body says: the order of keys says nothing, and clients differ in it. */
export function hashOfBody(body: unknown): string {
  // Nothing was ever accepted with such a body, so it is the same as none.
  if (isDeeper(body, maxDepth)) return 'too deep';
  return createHash('sha256')
    .update(JSON.stringify(inOrder(body)))
    .digest('hex');
}

/** @throws `idempotency-conflict`. */
export function requireSameBody(
  { id, bodyHash }: IdempotencyEntry<TaskId | PipelineId>,
  body: unknown,
  { what, key }: { readonly what: string; readonly key: string },
): void {
  if (bodyHash === hashOfBody(body)) return;
  throw new VmTaskError(
    'idempotency-conflict',
    `the key ${JSON.stringify(key)} stands for ${what} ${id}, which was submitted with another body; use a new key`,
  );
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, inOrder(inner)]));
}
