/** Speaking to a system as its users do: they ask again when it does not answer. */
import { type Client, createClient } from '@vm-task/client/client';
import { httpUrl } from '@vm-task/embedded/home-client';
import { readHttpToken } from '@vm-task/embedded/http-token';
import { type ErrorInfo, errorCodes, errorInfo } from '@vm-task/shared/errors';
import { eventually } from '@vm-task/testing/conditions';
import type { SystemUnderTest } from './system.ts';

export type Heard<T> = { readonly answer: T } | { readonly refusal: ErrorInfo };

/** A service is back in a second or two; the machine, or its disk, may be busy for longer. */
const patienceMs = 180_000;
/** Longer than intake itself waits for the broker. */
const answerLimitMs = 25_000;

/** The first answer, or refusal, that is not the system's trouble. Asked again, it must mean the same: by a key, or by its nature. */
export function ask<T>({ home }: SystemUnderTest, question: (client: Client) => Promise<T>): Promise<Heard<T>> {
  const client = createClient(() => ({ url: httpUrl(home), token: readHttpToken(home) }), { fetch: fetchOnce });
  const askOnce = async (): Promise<Heard<T> | null> => {
    try {
      return { answer: await question(client) };
    } catch (error) {
      const refusal = errorInfo(error);
      return errorCodes[refusal.code].status >= 500 ? null : { refusal };
    }
  };
  return eventually(askOnce, { what: 'intake answers', limitMs: patienceMs });
}

/** On a connection of its own: one that was kept may be that of an intake that has ended. */
const fetchOnce: typeof fetch = (input, init) =>
  fetch(input, {
    ...init,
    headers: { ...Object.fromEntries(new Headers(init?.headers)), connection: 'close' },
    signal: AbortSignal.timeout(answerLimitMs),
  });
