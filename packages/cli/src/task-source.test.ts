import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { describe, expect, it } from 'vitest';
import { expressionsNote, readTask } from './task-source.ts';

describe('what is to be run', () => {
  it('is a command after the dashes, word for word', async () => {
    expect(await readTask(['sh', '-c', 'echo "$(x)"'], true, { pool: 'big' })).toEqual({
      command: ['sh', '-c', 'echo "$(x)"'],
      pool: 'big',
    });
  });

  it('is a file of YAML otherwise, whose keys options on the command line replace', async () => {
    await using folder = await makeTempFolder('task');
    const path = join(folder.path, 'task.yaml');
    await writeFile(path, 'run: echo 垃圾\nimage: base\n');
    expect(await readTask([path], false, { image: 'python' })).toEqual({ run: 'echo 垃圾\n'.trim(), image: 'python' });
  });

  it('is refused with the file and what is wrong with it', async () => {
    await using folder = await makeTempFolder('task');
    const path = join(folder.path, 'task.yaml');
    await writeFile(path, 'run: [unclosed');
    await expect(readTask([path], false, {})).rejects.toThrow(`${path} is not YAML`);
    await writeFile(path, '- a list');
    await expect(readTask([path], false, {})).rejects.toThrow(`${path} is not a task`);
    await writeFile(path, Buffer.from('run: echo ü', 'latin1'));
    await expect(readTask([path], false, {})).rejects.toThrow(
      `${path} cannot be taken: it has to be UTF-8, and is not from byte 11 on`,
    );
    await writeFile(path, 'rnu: x');
    await expect(readTask([path], false, {})).rejects.toThrow('rnu: unknown key; did you mean "run"?');
    await expect(readTask(['/nowhere/task.yaml'], false, {})).rejects.toThrow('/nowhere/task.yaml cannot be read');
    await expect(readTask([], false, {})).rejects.toThrow('give one task file, or a command after "--"');
  });
});

describe('expressions, which only pipelines have', () => {
  it('are pointed out in a task, with where they are', () => {
    const task = { run: 'echo ${{ params.a }}', inputs: { list: ['x', 'y ${{ item }}'] } };
    expect(expressionsNote(task)).toBe(
      '${{ … }} is text in a task, and an expression in a pipeline only: run, inputs.list.1',
    );
  });

  it('are not seen where there are none', () => {
    expect(expressionsNote({ run: 'echo ${A} {{ x }} $(( 1 ))', stdin: '$ {{', env: { A: '1' } })).toBeNull();
  });
});
