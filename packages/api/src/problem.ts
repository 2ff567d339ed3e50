/** Errors as RFC 9457 problem details with our stable code. */
import { errorCodes, errorInfo } from '@vm-task/shared/errors';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
}

export const problemType = 'application/problem+json';

export function problemOf(error: unknown): Problem {
  const { code, message } = errorInfo(error);
  const { status, title } = errorCodes[code];
  return { type: `urn:vm-task:error:${code}`, title, status, detail: message, code };
}
