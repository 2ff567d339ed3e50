/** Waiting for an answer that is due. */

/** Between two looks. A process that was stopped meanwhile looks once when it goes on, and blames nobody. */
const lookMs = 5_000;

/** Calls `giveUp` when `ms` have passed, in steps that were all taken, unless it is disposed of before. */
export function waitAtMost(ms: number, giveUp: () => void): Disposable {
  let left = Math.ceil(ms / lookMs);
  const timer = setInterval(() => {
    if (--left > 0) return;
    clearInterval(timer);
    giveUp();
  }, lookMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
