/** intake as `up` starts it, on a home of its own, for commands that speak to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentialFile } from '@vm-task/bus/credentials';
import { serviceMain } from '@vm-task/embedded/repository';
import { serviceArguments } from '@vm-task/embedded/service-command';
import { type Home, homeAt } from '@vm-task/shared/home';
import type { Broker } from '@vm-task/testing/broker';
import { dyingWithUs } from '@vm-task/testing/processes';
import { makeTempFolder } from '@vm-task/testing/temp-folder';

export interface IntakeByHand extends AsyncDisposable {
  readonly home: Home;
  readonly url: string;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
}

/** Returns when intake is ready. `token`: the home's own. */
export async function startIntakeByHand(broker: Broker, token: string): Promise<IntakeByHand> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await makeTempFolder('intake'));
  const home = homeAt(folder.path);
  for (const path of [home.credentials, home.run]) mkdirSync(path, { mode: 0o700 });
  const credentials = JSON.stringify(await broker.credentialsOf('intake'));
  writeFileSync(credentialFile(home, 'intake'), credentials, { mode: 0o600 });
  writeFileSync(join(home.credentials, 'http-token'), token, { mode: 0o600 });
  writeFileSync(home.config, 'http: { port: 0 }');
  const program = dyingWithUs(process.execPath, ...serviceArguments(serviceMain('intake'), home));
  const intake = spawn(...program, { stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = once(intake, 'exit');
  started.defer(() => end(intake, gone, 'SIGTERM'));
  await once(intake.stdout, 'data');
  const { url } = JSON.parse(readFileSync(join(home.run, 'http.json'), 'utf8')) as { url: string };
  const all = started.move();
  return {
    home,
    url,
    kill: () => end(intake, gone, 'SIGKILL'),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function end(intake: ChildProcess, gone: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  if (intake.exitCode === null && intake.signalCode === null) intake.kill(signal);
  await gone;
}
