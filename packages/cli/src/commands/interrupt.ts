/**
 * Ctrl-C while something is followed: the first cancels it, the second leaves the rest to the system. Output that nobody
 * takes any more cancels it, too.
 */

import { whenOutputFails } from '../screen/output-failure.ts';
import { note } from '../screen/print.ts';
import type { Progress } from '../screen/progress.ts';

export interface Interrupt extends AsyncDisposable {
  /** Resolves at the second Ctrl-C. */
  readonly left: Promise<'left'>;
}

export function cancelOnInterrupt(what: string, cancel: () => Promise<unknown>, progress: Progress): Interrupt {
  const left = Promise.withResolvers<'left'>();
  let cancelling: Promise<unknown> | null = null;
  const onInterrupt = () => {
    if (cancelling !== null) return left.resolve('left');
    progress.clear();
    note(`cancelling ${what} (Ctrl-C again leaves it to finish by itself)`);
    cancelling = cancel().catch((error: Error) => note(error.message));
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  const failing = whenOutputFails(onInterrupt);
  return {
    left: left.promise,
    async [Symbol.asyncDispose]() {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onInterrupt);
      failing[Symbol.dispose]();
      await cancelling;
    },
  };
}
