/** Errors as RFC 9457 problem details with our stable code. */
import { errorCodes, errorInfo } from '@vm-task/shared/errors';
import { z } from 'zod';

export const problemType = 'application/problem+json';

/** Some have more to say, in members of their own. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('stable: one of the codes in docs/errors.md'),
  })
  .loose();
export type Problem = z.infer<typeof problemSchema>;

export function problemOf(error: unknown): Problem {
  const { code, message } = errorInfo(error);
  const { status, title } = errorCodes[code];
  return { type: `urn:vm-task:error:${code}`, title, status, detail: message, code };
}
