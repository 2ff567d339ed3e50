/** The whole system as `up` runs it, on a server that somebody else runs. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { homeAt } from '@vm-task/shared/home';
import { eventually } from '@vm-task/testing/conditions';
import { startNatsServer } from '@vm-task/testing/nats-server';
import { dyingWithUs } from '@vm-task/testing/processes';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { cliMain } from './repository.ts';
import { readState } from './state.ts';

const cli = ['--disable-warning=ExperimentalWarning', cliMain];
const others = 'pools: { default: { max: 1, warm: 0 } }\nhttp: { port: 0 }\n';

test('up starts no server, and its services log in anew there when credentials are rotated', async () => {
  await using folder = await makeTempFolder('external-up');
  const home = homeAt(join(folder.path, 'home'));
  mkdirSync(home.root);
  writeFileSync(home.config, others);
  const vmTask = async (...words: readonly string[]) =>
    (await promisify(execFile)(process.execPath, [...cli, ...words, '--home', home.root])).stdout;
  const exported = await vmTask('nats', 'export', '--accounts', join(folder.path, 'accounts'));
  await using server = await startNatsServer({ config: exported });
  const url = `nats://127.0.0.1:${server.port}`;
  writeFileSync(home.config, `${others}nats: { servers: ["${url}"] }\n`);
  const up = spawn(...dyingWithUs(process.execPath, ...cli, 'up', '--home', home.root), { stdio: 'ignore' });
  const gone = once(up, 'exit');
  await using _down = {
    async [Symbol.asyncDispose]() {
      up.kill('SIGTERM');
      expect(await gone).toEqual([0, null]);
    },
  };
  const isReady = () => readState(home)?.phase === 'ready';
  await eventually(isReady, { what: 'the system is ready', limitMs: 100_000 });
  expect(readState(home)?.nats).toMatchObject({ url, pid: null });
  expect(JSON.parse(await vmTask('credentials', 'rotate', '--json'))).toEqual({ rotated: true, disconnected: [] });
  expect(JSON.parse(await vmTask('list', '--json'))).toMatchObject({ tasks: [] });
  await server.stop();
  await server.restart();
  const send = () => vmTask('send', '--to', 'operators', 'hello');
  await eventually(() => send().catch(() => null), { what: 'a message is stored there', limitMs: 100_000 });
});
