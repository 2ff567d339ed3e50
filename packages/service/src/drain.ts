/** From SIGTERM or SIGINT to the end of the process, which comes for certain, also where nobody supervises it. */
import type { Logger } from './log.ts';

export interface DrainLimits {
  /** What is in flight may take so long to finish before it is given up to the next one. */
  readonly graceMs: number;
  /** Giving up takes no longer: it waits for nothing but sockets and files. */
  readonly endMs: number;
}

const drainGraceMs = 20_000;
/** Together a little less than what the supervisor of `up` waits before it kills. */
export const drainLimits: DrainLimits = { graceMs: drainGraceMs, endMs: 4_000 };

/** `stop` is aborted at the signal, `abort` at the end of the grace; `endMs` later the process ends, with 1. */
export function drainAtSignal(
  name: string,
  limits: DrainLimits,
  log: Logger,
): { readonly stop: AbortSignal; readonly abort: AbortSignal } {
  const stop = new AbortController();
  const abort = new AbortController();
  const end = () => {
    log.fatal('what was in flight did not end in time');
    process.exit(1);
  };
  const giveUp = () => {
    setTimeout(end, limits.endMs).unref();
    abort.abort(new Error(`${name} ended its drain`));
  };
  const drain = (signal: string) => {
    if (stop.signal.aborted) return;
    log.info({ signal }, 'draining');
    stop.abort(new Error(`${name} is draining`));
    setTimeout(giveUp, limits.graceMs).unref();
  };
  process.on('SIGTERM', drain);
  process.on('SIGINT', drain);
  return { stop: stop.signal, abort: abort.signal };
}
