/** Somebody else sits where intake listened until it was killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentialFile } from '@vm-task/bus/credentials';
import { cliMain, serviceMain } from '@vm-task/embedded/repository';
import { serviceArguments } from '@vm-task/embedded/service-command';
import { type Home, homeAt } from '@vm-task/shared/home';
import { newTaskId } from '@vm-task/shared/new-ids';
import { startBroker } from '@vm-task/testing/broker';
import { needs } from '@vm-task/testing/needs';
import { dyingWithUs } from '@vm-task/testing/processes';
import { startSquatter } from '@vm-task/testing/squatter';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';

const token = 'a-token-that-nobody-else-may-learn';
const id = newTaskId(Date.now());

/** One of each kind: what is shown, followed, changed, sent. */
const commands = [['list'], ['logs', id], ['cancel', id], ['pipeline', 'list'], ['send', '--to', 'operators', 'hello']];

async function vmTask(home: Home, ...words: readonly string[]) {
  const args = ['--disable-warning=ExperimentalWarning', cliMain, ...words, '--home', home.root];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

needs.root(test)('learns no token from any command: they speak to a socket of the home', async () => {
  await using broker = await startBroker({ users: ['intake'] });
  await using folder = await makeTempFolder('squatter');
  const home = homeAt(folder.path);
  for (const path of [home.credentials, home.run]) mkdirSync(path, { mode: 0o700 });
  const address = JSON.stringify(await broker.credentialsOf('intake'));
  writeFileSync(credentialFile(home, 'intake'), address, { mode: 0o600 });
  writeFileSync(join(home.credentials, 'http-token'), token, { mode: 0o600 });
  writeFileSync(home.config, 'http: { port: 0 }');
  const program = dyingWithUs(process.execPath, ...serviceArguments(serviceMain('intake'), home));
  const intake = spawn(...program, { stdio: ['ignore', 'pipe', 'ignore'] });
  const gone = once(intake, 'exit');
  await once(intake.stdout, 'data');
  expect(statSync(home.httpSocket).mode & 0o777).toBe(0o600);
  expect(await vmTask(home, 'list')).toMatchObject({ code: 0 });

  intake.kill('SIGKILL');
  await gone;
  const { url } = JSON.parse(readFileSync(join(home.run, 'http.json'), 'utf8')) as { url: string };
  await using squatter = await startSquatter(Number(new URL(url).port));
  for (const said of await Promise.all(commands.map((words) => vmTask(home, ...words)))) {
    expect(said).toMatchObject({ code: 1, said: expect.stringContaining('(not-up)') });
  }
  // Nobody even came.
  expect(squatter.heard()).toBe('<listening>');
});
