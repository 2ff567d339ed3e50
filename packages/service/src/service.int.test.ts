import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { credentialFile } from '@vm-task/bus/credentials';
import { homeAt } from '@vm-task/shared/home';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';

const service = new URL('./service.ts', import.meta.url).href;
/** Works without the broker, and never gives up what it has in flight. */
const program = `
  import { runService } from ${JSON.stringify(service)};
  setInterval(() => undefined, 1_000);
  const never = new Promise(() => undefined);
  const withoutBus = () => { process.stdout.write('working'); return never; };
  await runService({ name: 'reaper', streams: [], withoutBus, run: () => never }, { graceMs: 1, endMs: 1 });`;

test('a service that does not drain ends by itself, when nobody else would end it', async () => {
  await using folder = await makeTempFolder('service');
  const home = homeAt(folder.path);
  await mkdir(home.credentials);
  const address = { servers: ['nats://127.0.0.1:1'], user: 'reaper', pass: 'x' };
  await writeFile(credentialFile(home, 'reaper'), JSON.stringify(address), { mode: 0o600 });
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program, '--'];
  const child = spawn(process.execPath, [...args, '--home', home.root], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  try {
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0], said).toBe(1);
    expect(said).toContain('what was in flight did not end in time');
  } finally {
    child.kill('SIGKILL');
  }
});
