import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { childEnvironment, readEnvironment } from '@vm-task/shared/environment';
import { OwnRun } from '@vm-task/test-run/own-run';
import { processesThatName } from '@vm-task/testing/processes';
import { expect, test } from 'vitest';

test('a run of tests that is interrupted while a whole system has VMs ends all of it', async () => {
  const run = await OwnRun.begin(readEnvironment().cache.root);
  const source = `
    import { lendRunningSystem } from ${JSON.stringify(import.meta.resolve('./system.ts'))};
    import { submit, untilPrinted } from ${JSON.stringify(import.meta.resolve('./tasks.ts'))};
    const system = await lendRunningSystem();
    await untilPrinted(system, await submit(system, { run: 'echo begun; sleep 300' }), 'begun');
    console.log('up');
    setInterval(() => {}, 1_000);`;
  const tests = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    env: childEnvironment(run.environment(1)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(tests.stdout, 'data');
  const left = await run.end({ keep: false });
  for (const words of ['qemu-system', 'nats-server', 'provisioner']) expect(left.join('\n')).toContain(words);
  expect(processesThatName(run.name)).toEqual([]);
  expect([run.temporary, run.homes].filter(existsSync)).toEqual([]);
});
