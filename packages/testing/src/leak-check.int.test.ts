import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { signalProcess } from './processes.ts';
import { makeTempFolder } from './temp-folder.ts';

const leakCheck = fileURLToPath(new URL('./leak-check.ts', import.meta.url));
const vitest = fileURLToPath(new URL('./vitest.mjs', import.meta.resolve('vitest/package.json')));

/** Runs a test body in a vitest of its own, below the leak check. */
async function runChecked(body: string): Promise<{ code: number | null; output: string }> {
  await using folder = await makeTempFolder('leaky');
  await writeFile(join(folder.path, 'leaky.test.mjs'), body);
  const config = { test: { globals: true, setupFiles: [leakCheck] } };
  await writeFile(join(folder.path, 'vitest.config.mjs'), `export default ${JSON.stringify(config)}`);
  const child = spawn(process.execPath, [vitest, 'run', '--root', folder.path], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  return { code, output };
}

test('a test that leaves nothing passes', async () => {
  const { code, output } = await runChecked(`test('clean', () => {})`);
  expect(output).toContain('1 passed');
  expect(code).toBe(0);
});

test('a test that leaves a process, a listening port and a folder fails and says which', async () => {
  const { code, output } = await runChecked(`
    import { spawn } from 'node:child_process';
    import { mkdtempSync } from 'node:fs';
    import { createServer } from 'node:net';
    import { tmpdir } from 'node:os';
    test('leaves much', async () => {
      spawn('sh', ['-c', 'setsid sleep 86399 & exit'], { stdio: 'ignore' });
      mkdtempSync(tmpdir() + '/vm-task-test-' + process.pid + '-leaky-');
      await new Promise((done) => createServer().listen(0, '127.0.0.1', done));
    });
  `);
  const said = /left behind: process (\d+) sleep 86399; folder (\S+);/.exec(output);
  if (said === null) throw new Error(`not reported:\n${output}`);
  const [, sleeper, folder = ''] = said;
  signalProcess(Number(sleeper), 'SIGKILL');
  await rm(folder, { recursive: true });
  expect(output).toContain('1 listening sockets');
  expect(output).toContain('1 failed');
  expect(code).toBe(1);
});
