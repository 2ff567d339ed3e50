/** Listening where the configuration says, or on a free port when that one is taken; `run/http.json` tells where. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { SystemConfig } from '@vm-task/service/config';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import type { App } from './server.ts';

/** The URL that is listened on. @throws `invalid-config` when there is no listening on that host. */
export async function listen(app: App, { host, port }: SystemConfig['http']): Promise<string> {
  try {
    await app.listen({ host, port }).catch((error) => {
      if (error.code !== 'EADDRINUSE') throw error;
      return app.listen({ host, port: 0 });
    });
  } catch (error) {
    const message = `HTTP cannot listen on ${host}, port ${port}: ${(error as Error).message}; see http in vm-task.yaml`;
    throw new VmTaskError('invalid-config', message, { cause: error });
  }
  const { address, port: actual, family } = app.server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`;
}

/** Says where the API is, until it is disposed of; then only if nobody else has said so since. */
export function announce(home: Home, url: string): Disposable {
  const file = join(home.run, 'http.json');
  const content = `${JSON.stringify({ url, pid: process.pid })}\n`;
  mkdirSync(home.run, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content, { mode: 0o600 });
  renameSync(draft, file);
  return {
    [Symbol.dispose]: () => {
      if (existsSync(file) && readFileSync(file, 'utf8') === content) rmSync(file, { force: true });
    },
  };
}

/** At `stop`, takes no more requests and answers those in flight, until `abort`. */
export async function finishHttp(app: App, stop: AbortSignal, abort: AbortSignal): Promise<void> {
  if (!stop.aborted) await once(stop, 'abort');
  await Promise.race([app.close(), once(abort, 'abort')]);
}

/** Whatever is still open is broken off: for the end, and for failures. */
export async function closeNow(app: App): Promise<void> {
  app.server.closeAllConnections();
  await app.close();
}
