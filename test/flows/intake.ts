/** intake as `up` starts it, on the broker of a test: a process of its own, with a projection of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { credentialFile } from '@vm-task/bus/credentials';
import { type Client, createClient } from '@vm-task/client/client';
import { homeAt } from '@vm-task/shared/home';
import type { Broker } from '@vm-task/testing/broker';
import { dyingWithUs } from '@vm-task/testing/processes';
import { makeTempFolder } from '@vm-task/testing/temp-folder';

const main = fileURLToPath(new URL('../../services/intake/src/main.ts', import.meta.url));
const token = 'a-token-of-this-test';

export interface Intake extends AsyncDisposable {
  readonly client: Client;
}

/** Returns when it is ready: everything that the stream had at its start is in its tables. */
export async function startIntake({ server }: Broker): Promise<Intake> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await makeTempFolder('flows-intake'));
  const home = homeAt(folder.path);
  for (const path of [home.credentials, home.run]) await mkdir(path, { mode: 0o700 });
  await writeFile(credentialFile(home, 'intake'), JSON.stringify(server.address()), { mode: 0o600 });
  await writeFile(join(home.credentials, 'http-token'), `${token}\n`, { mode: 0o600 });
  await writeFile(home.config, 'http: { port: 0 }\n');
  const [program, args] = dyingWithUs(
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    main,
    '--home',
    home.root,
  );
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  started.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`intake ended with ${code}`)));
  ended.catch(() => undefined);
  await Promise.race([once(child.stdout ?? child, 'data'), ended]);
  const { url } = JSON.parse(await readFile(join(home.run, 'http.json'), 'utf8')) as { url: string };
  const all = started.move();
  return { client: createClient(() => ({ url, token })), [Symbol.asyncDispose]: () => all.disposeAsync() };
}
