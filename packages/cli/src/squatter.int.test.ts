/** Somebody else sits where intake listened until it was killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { cliMain } from '@vm-task/embedded/repository';
import type { Home } from '@vm-task/shared/home';
import { newTaskId } from '@vm-task/shared/new-ids';
import { startBroker } from '@vm-task/testing/broker';
import { needs } from '@vm-task/testing/needs';
import { startSquatter } from '@vm-task/testing/squatter';
import { expect, test } from 'vitest';
import { startIntakeByHand } from '../test/intake-by-hand.ts';

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
  await using intake = await startIntakeByHand(broker, token);
  const { home, url } = intake;
  expect(statSync(home.httpSocket).mode & 0o777).toBe(0o600);
  expect(await vmTask(home, 'list')).toMatchObject({ code: 0 });

  await intake.kill();
  await using squatter = await startSquatter(Number(new URL(url).port));
  for (const said of await Promise.all(commands.map((words) => vmTask(home, ...words)))) {
    expect(said).toMatchObject({ code: 1, said: expect.stringContaining('(not-up)') });
  }
  // Nobody even came.
  expect(squatter.heard()).toBe('<listening>');
});
