import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { eventually } from './conditions.ts';
import { listProcesses } from './processes.ts';

test('what a test has started ends with it, even when the test is killed', async () => {
  const source = `import { spawn } from 'node:child_process';
    import { dyingWithUs } from ${JSON.stringify(new URL('./processes.ts', import.meta.url).href)};
    const [program, args] = dyingWithUs('sleep', '300');
    console.log(spawn(program, args, { stdio: 'ignore' }).pid);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [said] = (await once(parent.stdout, 'data')) as [Buffer];
  const child = Number(said.toString());
  const isThere = () => listProcesses().some(({ pid, argv }) => pid === child && argv[0] === 'sleep');
  await eventually(isThere, { what: 'the child runs' });
  const gone = once(parent, 'exit');
  parent.kill('SIGKILL');
  await gone;
  await eventually(() => !isThere(), { what: 'the child is gone, too' });
  expect(isThere()).toBe(false);
});
