/**
 * What a command is waiting for: one moving line on a terminal, and elsewhere a plain line for whatever takes long
 * enough that somebody reading a log would wonder. Always on stderr, so that output can be piped.
 */
import ora, { type Ora } from 'ora';
import { plainLine } from './plain-text.ts';

export interface Progress extends Disposable {
  /** What is being done now, in a few words. */
  update(note: string): void;
  /** Takes the line away, for output of others; the next update brings it back. */
  clear(): void;
}

/** What is over sooner is not worth a line in a log. */
const worthALineMs = 2_000;

export function startProgress(options: { readonly quiet: boolean }): Progress {
  if (options.quiet) return { update: () => undefined, clear: () => undefined, [Symbol.dispose]: () => undefined };
  return process.stderr.isTTY ? movingLine() : plainLines();
}

function movingLine(): Progress {
  // The process in the VM may want the terminal's input one day; a spinner must not take it.
  const spinner: Ora = ora({ stream: process.stderr, discardStdin: false });
  return {
    update(note) {
      spinner.text = plainLine(note);
      if (!spinner.isSpinning) spinner.start();
    },
    clear: () => void spinner.stop(),
    [Symbol.dispose]: () => void spinner.stop(),
  };
}

function plainLines(): Progress {
  let last = '';
  let timer: NodeJS.Timeout | undefined;
  return {
    update(note) {
      if (note === last) return;
      last = note;
      clearTimeout(timer);
      timer = setTimeout(() => process.stderr.write(`vm-task: ${plainLine(note)}\n`), worthALineMs);
    },
    clear: () => clearTimeout(timer),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
