/** The command line on pipes that are slow, closed or full. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '@vm-task/shared/environment';
import { makeTempFolder, type TempFolder } from '@vm-task/testing/temp-folder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const cli = fileURLToPath(new URL('./main.ts', import.meta.url));
let folder: TempFolder;

beforeAll(async () => {
  folder = await makeTempFolder('streams');
});

afterAll(() => folder[Symbol.asyncDispose]());

/** Through a shell; `$vm_task` is the program. */
async function shell(script: string) {
  const program = `${process.execPath} --disable-warning=ExperimentalWarning ${cli}`;
  const env = childEnvironment({ vm_task: program, VM_TASK_HOME: folder.path });
  const child = spawn('bash', ['-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => {
    said.stdout += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    said.stderr += bytes.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...said };
}

describe('a text on a pipe that has nothing to read yet', () => {
  it.each([
    ['submit -', 'invalid-task'],
    ['run -', 'invalid-task'],
    ['pipeline run -', 'invalid-pipeline'],
    ['send --to anna', 'not-up'],
    ['send --to anna -', 'not-up'],
  ])('is waited for by %s', async (command, code) => {
    const { stderr } = await shell(`(sleep 1; echo 'unknown: key') | $vm_task ${command}`);
    expect(stderr).toContain(`(${code})`);
    expect(stderr).not.toContain('EAGAIN');
  });
});

describe('output that nobody takes', () => {
  it('ends a command quietly when its reader has gone, as other programs end', async () => {
    const { stderr, stdout } = await shell('{ $vm_task --help; echo $? >&2; } | true');
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '141\n' });
  });

  it.each([
    ['--help', 1],
    ['status', 1],
  ])('is one sentence when the disk is full: %s', async (command, expected) => {
    const { code, stderr } = await shell(`$vm_task ${command} > /dev/full`);
    expect(stderr).toMatch(/^vm-task: the output cannot be written: ENOSPC[^\n]*\n$/);
    expect(code).toBe(expected);
  });
});
