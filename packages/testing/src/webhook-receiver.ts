/** A receiver of webhooks on the loopback that knows the key, and answers as a test wants. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

export const signingKey = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export interface Received {
  readonly id: string;
  readonly path: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Those whose signature is right, in their order. */
  readonly received: readonly Received[];
  /** How many requests there were, whatever they carried. */
  readonly requests: number;
}

export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const take: Answer = (response) => void response.writeHead(204).end();

export async function startReceiver(options: { port?: number; answer?: Answer } = {}): Promise<Receiver> {
  const received: Received[] = [];
  let requests = 0;
  const server = createServer(async (request, response) => {
    requests += 1;
    const body = await buffer(request);
    const headers = request.headers as Record<string, string>;
    const verified = new Webhook(signingKey).verify(body, headers) as Pick<Received, 'type' | 'data'>;
    received.push({
      id: headers['webhook-id'] ?? '',
      path: request.url ?? '',
      type: verified.type,
      data: verified.data,
    });
    (options.answer ?? take)(response, request);
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    received,
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
