import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

const module = new URL('./dispose-at-signal.ts', import.meta.url).href;
const program = `
  import { disposedAtSignal } from ${JSON.stringify(module)};
  const lend = (name) => disposedAtSignal({ [Symbol.asyncDispose]: async () => console.log(name + ' ended') });
  await using first = lend('first');
  { await using before = lend('before'); }
  await using second = lend('second');
  console.log('working');
  await new Promise((resolve) => setTimeout(resolve, 600_000));`;

test.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('what was lent ends at %s, the last one first, and once', async (signal, expected) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
    if (said.endsWith('working\n')) child.kill(signal);
  });
  const [code] = await once(child, 'close');
  expect(said).toBe('before ended\nworking\nsecond ended\nfirst ended\n');
  expect(code).toBe(expected);
});
