/** Bodies that have no other reader of their own. */
import { VmTaskError } from '@vm-task/shared/errors';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import type { z } from 'zod';

/**
 * The body as the schema makes it.
 *
 * @throws `invalid-request` when it does not fit, with everything that is wrong
 */
export function parseBody<T extends z.ZodType>(body: unknown, schema: T): z.output<T> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new VmTaskError('invalid-request', explainIssues(parsed.error, schema));
}
