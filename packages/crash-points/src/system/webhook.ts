/** Somebody who takes every alert, so that reporting one has its effects. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Home } from '@vm-task/shared/home';

export interface Webhook extends AsyncDisposable {
  /** `alerts` of the configuration. */
  readonly config: object;
}

export async function startWebhook(home: Home): Promise<Webhook> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(204, { connection: 'close' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await mkdir(home.secrets, { recursive: true, mode: 0o700 });
  await writeFile(home.secret('webhook'), randomBytes(32).toString('base64'), { mode: 0o600 });
  return {
    config: { webhooks: { test: { url: `http://127.0.0.1:${port}/`, secret: 'webhook', allow: ['127.0.0.0/8'] } } },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
