/**
 * Posting to a webhook, signed as Standard Webhooks prescribes. Addresses are checked as they are connected to, so a name
 * that leads somewhere else by then is of no use; redirects are not followed.
 */
import { type ClientRequest, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { VmTaskError } from '@vm-task/shared/errors';
import { useAgent } from 'request-filtering-agent';
import type { Webhook as Signer } from 'standardwebhooks';

export interface Webhook {
  readonly name: string;
  readonly url: string;
  readonly allow: readonly string[];
  readonly retryForMs: number;
  readonly signer: Signer;
}

export interface Post {
  /** The same whenever the same is posted again: by this a receiver knows it. */
  readonly id: string;
  readonly body: string;
}

/** Receivers take a post and work on it later; one that has not answered by then is tried again. */
const answerLimitMs = 10_000;

/** Returns once it was taken (2xx). @throws `webhook-failed`, or the abort's reason. */
export async function postTo(webhook: Webhook, { id, body }: Post, now: Date, abort: AbortSignal): Promise<void> {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'vm-task',
    'webhook-id': id,
    'webhook-timestamp': Math.floor(now.getTime() / 1_000),
    'webhook-signature': webhook.signer.sign(id, now, body),
  };
  const limit = AbortSignal.timeout(answerLimitMs);
  const signal = AbortSignal.any([abort, limit]);
  // Each post its own connection: they are rare, and a kept one could outlive what the configuration allows.
  const agent = useAgent(webhook.url, { keepAlive: false, allowIPAddressList: [...webhook.allow] });
  const request = webhook.url.startsWith('https:') ? requestHttps : requestHttp;
  const posting = request(webhook.url, { method: 'POST', headers, agent, signal });
  const status = await statusOf(posting, body).catch((error: Error) => {
    if (abort.aborted) throw error;
    const why = limit.aborted ? `did not answer within ${answerLimitMs} ms` : `cannot be posted to: ${error.message}`;
    throw failed(webhook, why, error);
  });
  if (status < 200 || status > 299) {
    const hint = status >= 300 && status < 400 ? '; redirects are not followed, so configure where it leads to' : '';
    throw failed(webhook, `answered ${status}${hint}`);
  }
}

/** What a receiver says beside its status is nobody's concern here. */
function statusOf(posting: ClientRequest, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    posting.once('error', reject);
    posting.once('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    posting.end(body);
  });
}

function failed({ name }: Webhook, why: string, cause?: Error): VmTaskError {
  return new VmTaskError('webhook-failed', `webhook "${name}" ${why}`, { cause });
}
