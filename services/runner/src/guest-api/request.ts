/** What a request to the guest API says: its body, and its key. */
import { VmTaskError } from '@vm-task/shared/errors';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import type { z } from 'zod';

/** The body as text. */
export function textOf(body: unknown): string {
  return bytesOf(body).toString('utf8');
}

export function bytesOf(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

/** The body as JSON of that shape. @throws `invalid-request` with every key that is wrong. */
export function parseBody<T>(body: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(jsonOf(body));
  if (parsed.success) return parsed.data;
  throw new VmTaskError('invalid-request', explainIssues(parsed.error, schema));
}

/** @throws `invalid-request` for what is not JSON. */
export function jsonOf(body: unknown): unknown {
  try {
    return JSON.parse(textOf(body));
  } catch (error) {
    throw new VmTaskError('invalid-request', `the body is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

const keyMaxChars = 255;

/** The `Idempotency-Key`, or null. @throws `invalid-request`. */
export function keyOf(headers: Readonly<Record<string, string | string[] | undefined>>): string | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key === 'string' && key.length > 0 && key.length <= keyMaxChars) return key;
  throw new VmTaskError('invalid-request', `an Idempotency-Key has 1 to ${keyMaxChars} characters`);
}
