/** Speaking to a system as its users do: they ask again when it does not answer. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import type { SystemUnderTest } from './system.ts';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A service is back in a second or two; the machine, or its disk, may be busy for longer. */
const patienceMs = 180_000;
/** Longer than intake itself waits for the broker. */
const answerLimitMs = 25_000;

/** The first answer that is not the system's trouble. Asked again, it must mean the same: by a key, or by its nature. */
export async function ask(
  system: SystemUnderTest,
  method: string,
  path: string,
  { body, key }: { readonly body?: object; readonly key?: string } = {},
): Promise<Answer> {
  const what = `${method} ${path} is answered`;
  return eventually(() => askOnce(system, method, path, body, key), { what, limitMs: patienceMs });
}

async function askOnce(
  { home }: SystemUnderTest,
  method: string,
  path: string,
  body: object | undefined,
  key: string | undefined,
): Promise<Answer | null> {
  const { url } = JSON.parse(readFileSync(join(home.run, 'http.json'), 'utf8')) as { url: string };
  const token = readFileSync(join(home.credentials, 'http-token'), 'utf8').trim();
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      connection: 'close',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(answerLimitMs),
  });
  const answer = (await response.json()) as Answer['body'];
  return response.status >= 500 ? null : { status: response.status, body: answer };
}
