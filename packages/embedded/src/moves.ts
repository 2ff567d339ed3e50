/** Whether a start gets on: something of it became ready, or a part that is not ready is at work. */

export interface Signs {
  /** What has been reached, as a text that changes with every step. */
  readonly steps: string;
  /** Processor time of those that are not ready, by process. */
  readonly cpuSeconds: ReadonlyMap<number, number>;
}

/** A process that only waits, and asks again and again, takes about a hundredth of a processor. */
const workingShare = 0.05;
const windowMs = 10_000;

/** A function that is given what is seen now, and says for how long nothing has moved. */
export function watchMoves(): (signs: Signs, nowMs: number) => number {
  let movedMs: number | null = null;
  let steps = '';
  let window: { readonly beginMs: number; readonly cpuSeconds: Signs['cpuSeconds'] } | null = null;
  return (signs, nowMs) => {
    movedMs ??= nowMs;
    window ??= { beginMs: nowMs, cpuSeconds: signs.cpuSeconds };
    if (signs.steps !== steps) movedMs = nowMs;
    steps = signs.steps;
    if (nowMs - window.beginMs >= windowMs) {
      if (anyWorked(window.cpuSeconds, signs.cpuSeconds, nowMs - window.beginMs)) movedMs = nowMs;
      window = { beginMs: nowMs, cpuSeconds: signs.cpuSeconds };
    }
    return nowMs - movedMs;
  };
}

function anyWorked(before: Signs['cpuSeconds'], now: Signs['cpuSeconds'], ms: number): boolean {
  const leastSeconds = (workingShare * ms) / 1_000;
  return [...now].some(([pid, seconds]) => seconds - (before.get(pid) ?? seconds) >= leastSeconds);
}
