/**
 * What the services ask the machine for, answered by the simulation instead: timers, clocks, random numbers, their
 * process id, `/proc`, and how long the host has been up. The services' code stays as it is; for that the modules of
 * Node itself are altered, in this process and for as long as it lives.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';

export interface Machine {
  setTimer(delayMs: number, action: () => void): { cancel(): void };
  /** Milliseconds since 1970, by the host's clock, which people set. */
  wallMs(): number;
  /** Milliseconds since the process began. */
  monotonicMs(): number;
  /** Milliseconds since the host began. */
  uptimeMs(): number;
  randomBytes(count: number): Buffer;
  readonly pid: number;
  /** The content of a file below /proc. @throws ENOENT. */
  readProc(path: string): string;
}

let machine: Machine | null = null;

function current(): Machine {
  if (machine === null) throw new Error('nothing is being simulated');
  return machine;
}

/** From now on everything asks this one; null for nobody between two simulations. */
export function lendMachine(lent: Machine | null): void {
  machine = lent;
}

class Timer {
  readonly #cancel: () => void;
  constructor(cancel: () => void) {
    this.#cancel = cancel;
  }
  cancel(): void {
    this.#cancel();
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  [Symbol.dispose](): void {
    this.#cancel();
  }
}

/** Node's own: whole milliseconds, at least one, and one for what its timers cannot hold. */
function asNodeWaits(delayMs: number): number {
  return delayMs >= 1 && delayMs <= 2 ** 31 - 1 ? Math.trunc(delayMs) : 1;
}

function startTimeout(action: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]): Timer {
  const timer = current().setTimer(asNodeWaits(delayMs), () => action(...args));
  return new Timer(() => timer.cancel());
}

function startInterval(action: (...args: unknown[]) => void, everyMs = 0, ...args: unknown[]): Timer {
  const tick = () => {
    next = current().setTimer(asNodeWaits(everyMs), tick);
    action(...args);
  };
  let next = current().setTimer(asNodeWaits(everyMs), tick);
  return new Timer(() => next.cancel());
}

const stopTimer = (timer: unknown) => {
  if (timer instanceof Timer) timer.cancel();
};

function pause<T>(delayMs = 0, value?: T, options: { signal?: AbortSignal } = {}): Promise<T | undefined> {
  const { signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
  const refuse = () => {
    stopTimer(timer);
    reject(Object.assign(new Error('The operation was aborted'), { name: 'AbortError', cause: signal?.reason }));
  };
  const timer = startTimeout(() => {
    signal?.removeEventListener('abort', refuse);
    resolve(value);
  }, delayMs);
  if (signal?.aborted === true) refuse();
  else signal?.addEventListener('abort', refuse, { once: true });
  return promise;
}

function abortAfter(delayMs: number): AbortSignal {
  const controller = new AbortController();
  startTimeout(() => controller.abort(new DOMException('The operation timed out', 'TimeoutError')), delayMs);
  return controller.signal;
}

/** As Node's own, which keeps each that somebody listens to until it is aborted: for ever, where everybody has died. */
function abortWithAny(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  const abortWith = ({ reason }: AbortSignal) => controller.abort(reason);
  const aborted = signals.find((signal) => signal.aborted);
  if (aborted !== undefined) abortWith(aborted);
  else for (const signal of signals) signal.addEventListener('abort', () => abortWith(signal), { once: true });
  return controller.signal;
}

/** Once for each process that simulates, before the services' code is loaded or after. */
export function borrowMachine(): void {
  const require = createRequire(import.meta.url);
  Object.assign(globalThis, {
    setTimeout: startTimeout,
    setInterval: startInterval,
    clearTimeout: stopTimer,
    clearInterval: stopTimer,
    Date: simulatedDate(Date),
  });
  Object.assign(AbortSignal, { timeout: abortAfter, any: abortWithAny });
  Object.assign(require('node:timers/promises') as object, { setTimeout: pause });
  borrowRandomness(require('node:crypto') as object);
  borrowProc(require('node:fs') as typeof import('node:fs'));
  borrowUptime(require('node:os') as typeof import('node:os'));
  syncBuiltinESMExports();
  Object.defineProperty(performance, 'now', { value: () => current().monotonicMs() });
  Object.defineProperty(process, 'pid', { get: () => current().pid });
}

function simulatedDate(Real: DateConstructor): DateConstructor {
  return class extends Real {
    constructor(...args: [] | [number]) {
      super(...((args.length === 0 ? [current().wallMs()] : args) as [number]));
    }
    static override now(): number {
      return current().wallMs();
    }
  } as DateConstructor;
}

function borrowRandomness(crypto: object): void {
  Object.assign(crypto, {
    randomBytes: (count: number) => current().randomBytes(count),
    randomUUID: () => current().randomBytes(16).toString('hex'),
  });
}

function borrowProc(fs: typeof import('node:fs')): void {
  const { readFileSync } = fs;
  const read = (path: unknown, ...rest: unknown[]) =>
    machine !== null && typeof path === 'string' && path.startsWith('/proc/')
      ? machine.readProc(path)
      : (readFileSync as (...args: unknown[]) => unknown)(path, ...rest);
  Object.assign(fs, { readFileSync: read });
}

function borrowUptime(os: typeof import('node:os')): void {
  const { uptime } = os;
  Object.assign(os, { uptime: () => (machine === null ? uptime() : machine.uptimeMs() / 1_000) });
}
