/**
 * One request by Node's own `http`, in the place of the global `fetch`: a command that asks one question starts in half the
 * time, because what is behind `fetch` is loaded at its first use, and most of it is for what nobody here asks.
 */
import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { Readable } from 'node:stream';
import type { Ask, Reply } from '@vm-task/client/client';
import { shortSocketPath } from '@vm-task/shared/socket-path';

/** As long as `fetch` waits for the next byte. */
const silenceMs = 300_000;

/** Connections are not kept: they would be of an intake that has been replaced. @throws as `fetch`, the signal's reason too. */
export const askHttp: Ask = (url, init) => askBy(request, url, init, {});

/** As `askHttp`, of whoever listens on this socket. Nobody is who could not open the folder that it is in. */
export function askSocket(socket: string): Ask {
  return async (url, init) => {
    using short = shortSocketPath(socket);
    // Whoever answers has been reached.
    return await askBy(request, url, init, { socketPath: short.path });
  };
}

type Request = (url: URL, options: RequestOptions, answered: (message: IncomingMessage) => void) => ClientRequest;

/** `request` of `node:http`, or of `node:https`. */
export function askBy(
  request: Request,
  url: URL,
  { method, headers, body, signal }: Parameters<Ask>[1],
  to: { readonly socketPath?: string; readonly ca?: string },
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const length = body === null ? {} : { 'content-length': Buffer.byteLength(body) };
  const options = { method, headers: { ...headers, ...length }, agent: false, timeout: silenceMs, ...to };
  const asking = request(url, options, (message) => resolve(replyOf(message)));
  asking.on('timeout', () => asking.destroy(new Error(`nothing came for ${silenceMs / 1_000} s`)));
  const abort = () => asking.destroy(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  asking.once('close', () => signal?.removeEventListener('abort', abort));
  // Also of what comes after the answer, which its reader hears from the answer itself.
  asking.on('error', (error) => reject(signal?.aborted === true ? signal.reason : error));
  if (signal?.aborted === true) abort();
  asking.end(body);
  return promise;
}

function replyOf(message: IncomingMessage): Reply {
  const status = message.statusCode ?? 0;
  const text = async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of message) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  };
  return {
    ok: status >= 200 && status < 300,
    status,
    get body() {
      return Readable.toWeb(message) as ReadableStream<Uint8Array<ArrayBuffer>>;
    },
    text,
    json: async () => JSON.parse(await text()),
  };
}
