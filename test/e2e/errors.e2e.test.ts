import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lendRunningSystem, type TestSystem } from './system.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await lendRunningSystem({ pools: { default: { max: 1, warm: 0 } } });
});

afterAll(() => system[Symbol.asyncDispose]());

describe('what is wrong is said in a sentence that tells what to do', () => {
  it('for an image that is not there', async () => {
    const { exitCode, stderr } = await system.vmTask(['run', '--image', 'pyhton', '--', 'true']);
    expect(stderr).toMatch(/there is no image "pyhton".*did you mean "python"\?/);
    expect(exitCode).toBe(125);
  });

  it('for a runtime that the image does not have', async () => {
    const { exitCode, stderr } = await system.vmTask([
      'run',
      await system.taskFile({ runtime: 'ruby', run: 'puts 1' }),
    ]);
    expect(stderr).toMatch(/"ruby".*python.*shell|"ruby".*shell.*python/);
    expect(exitCode).toBe(125);
  });

  it('for an unknown key, with the nearest known one', async () => {
    const { exitCode, stderr } = await system.vmTask([
      'run',
      await system.taskFile({ run: 'true', timeouts: { rnu: '1s' } }),
    ]);
    expect(stderr).toMatch(/timeouts\.rnu: unknown key; did you mean "run"\?/);
    expect(exitCode).toBe(125);
  });

  it('for an empty script', async () => {
    const { exitCode, stderr } = await system.vmTask(['run', await system.taskFile({ run: ' \n' })]);
    expect(stderr).toContain('run: the script is empty; write what is to be run');
    expect(exitCode).toBe(125);
  });

  it('for a pool that stays full', async () => {
    const blocker = system.start(['run', '--', 'sh', '-c', 'echo begun; sleep 300']);
    await blocker.printed('begun');
    const file = await system.taskFile({ run: 'true', timeouts: { queue: '2s' } });
    const { exitCode, stderr } = await system.vmTask(['run', file]);
    expect(stderr).toMatch(/pool "default".*max/);
    expect(exitCode).toBe(124);
    blocker.signal('SIGINT');
    expect((await blocker.finished).exitCode).toBe(130);
  });

  it('for a home that cannot be written', async () => {
    await using folder = await makeTempFolder('unwritable');
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    await chmod(file, 0o400);
    const { exitCode, stderr } = await system.vmTask(['run', '--home', join(file, 'home'), '--', 'true']);
    expect(stderr).toMatch(/the home .* cannot be written .*set VM_TASK_HOME/);
    expect(exitCode).toBe(125);
  });
});
