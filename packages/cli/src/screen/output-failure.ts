/**
 * Output that cannot be written: its reader has gone, or the disk is full. A command ends then; one that has something to
 * undo does that first.
 */

import type { EventEmitter } from 'node:events';
import { constants } from 'node:os';

export interface Output {
  readonly stdout: EventEmitter;
  readonly stderr: EventEmitter & { write(text: string): unknown };
  readonly exit: (code: number) => void;
  /** With which a command ends that has failed. */
  readonly failedCode: number;
}

export interface OutputFailure {
  /** With which the command ends because of its output; null when all went well. */
  exitCode(): number | null;
}

/** As the shell says of a program that SIGPIPE has ended. */
const readerGone = 128 + constants.signals.SIGPIPE;

const reactions = new Set<() => void>();

/** Until it is disposed of, `reaction` is called instead of ending the process. */
export function whenOutputFails(reaction: () => void): Disposable {
  reactions.add(reaction);
  return { [Symbol.dispose]: () => void reactions.delete(reaction) };
}

export function watchOutput({ stdout, stderr, exit, failedCode }: Output): OutputFailure {
  let code: number | null = null;
  const onError = (error: NodeJS.ErrnoException) => {
    if (code !== null) return;
    code = error.code === 'EPIPE' ? readerGone : failedCode;
    if (error.code !== 'EPIPE') stderr.write(`vm-task: the output cannot be written: ${error.message}\n`);
    if (reactions.size === 0) exit(code);
    for (const react of [...reactions]) react();
  };
  stdout.on('error', onError);
  stderr.on('error', onError);
  return { exitCode: () => code };
}
