import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { startProcessRig, startRunnerProcess } from './runner-process.ts';

const counting = 'echo started >> starts; i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo $i; sleep 0.01; done';

test('a runner that is killed is replaced by one that goes on with the same process; its log tells no secret', async () => {
  await using rig = await startProcessRig();
  await mkdir(rig.home.secrets);
  await writeFile(rig.home.secret('key'), 'hunter2-hunter2\n', { mode: 0o600 });
  await using first = await startRunnerProcess(rig);
  const task = await rig.submit({
    setup: [{ run: 'echo set up' }],
    run: `${counting}; echo "$KEY"; echo kept > kept.txt`,
    secrets: { KEY: 'key' },
    artifacts: ['kept.txt'],
  });
  await eventually(async () => (await rig.output(task)).stdout.length > 50, { what: 'output', limitMs: 60_000 });
  await first.end('SIGKILL');
  await using second = await startRunnerProcess(rig);
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded', artifacts: [{ path: 'kept.txt' }] });
  const numbers = Array.from({ length: 300 }, (_, i) => `${i + 1}\n`).join('');
  expect((await rig.output(task)).stdout.toString()).toBe(`${numbers}***************\n`);
  expect(await readFile(join(rig.guest.home, 'work/starts'), 'utf8')).toBe('started\n');
  expect(first.log() + second.log()).not.toContain('hunter2');
  expect(second.log()).not.toMatch(/permissions violation/i);
  expect(await second.end('SIGTERM')).toBe(0);
});
