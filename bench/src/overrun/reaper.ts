/** The reaper's own program on a home. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { credentialFile } from '@vm-task/bus/credentials';
import type { Home } from '@vm-task/shared/home';
import type { NatsServer } from '@vm-task/testing/nats-server';

const program = fileURLToPath(new URL('../../../services/reaper/src/main.ts', import.meta.url));

/** Nobody listens on it. */
const nobody = { servers: ['127.0.0.1:1'], user: 'reaper', pass: 'reaper' };

/** What the reaper needs to find in its home; without a server, it finds no broker. */
export function writeHome(home: Home, server: NatsServer | null): void {
  for (const path of [home.credentials, home.logs]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const address = server?.address('reaper', 'reaper') ?? nobody;
  writeFileSync(credentialFile(home, 'reaper'), JSON.stringify(address), { mode: 0o600 });
}

/** Returns when it was started. */
export async function startReaper(home: Home): Promise<AsyncDisposable> {
  const log = openSync(join(home.logs, 'reaper.log'), 'a', 0o600);
  const child = spawn(process.execPath, [program, '--home', home.root], { stdio: ['ignore', 'ignore', log] });
  closeSync(log);
  await once(child, 'spawn');
  return {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
