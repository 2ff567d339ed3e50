import { type FileHandle, open } from 'node:fs/promises';
import { tryTool } from './run-tool.ts';

/**
 * Held until closed or until this process and every child that was given `fd` are gone, however they end: the
 * kernel keeps it with the open file. The file itself stays; removing it would let two hold "the" lock.
 */
export interface FileLock extends AsyncDisposable {
  readonly fd: number;
}

/** Returns once nobody else, in this process or any other, holds the lock. `onWait` is called when somebody does. */
export async function lockFile(path: string, onWait: () => void, signal: AbortSignal): Promise<FileLock> {
  const file = await open(path, 'a', 0o600);
  try {
    if (!(await flock(file, ['--nonblock'], signal))) {
      onWait();
      await flock(file, [], signal);
    }
    return { fd: file.fd, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** flock(1) locks the open file that it inherits, which is ours: the lock outlives the command. */
async function flock(file: FileHandle, options: readonly string[], signal: AbortSignal): Promise<boolean> {
  const { exitCode } = await tryTool('flock', ['--exclusive', ...options, '3'], { signal, files: [file.fd] });
  return exitCode === 0;
}
