/** One processor's share of the seeds: every so manieth, told to whoever started it as they are done. */
import { borrowMachine } from './borrowed-machine.ts';
import { runSeed, type SeedReport } from './run-seed.ts';
import type { Sometimes } from './sometimes.ts';

export interface Share {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  /** Tell everything that happens. */
  readonly isTold: boolean;
}

export interface Told {
  readonly seed: number;
  /** Why the seed fails, or null. */
  readonly failure: string | null;
  readonly seen: readonly Sometimes[];
  readonly hash: string;
  readonly trace: readonly string[];
}

/** So often a seed is run once more, and must be the same. */
const repeatEvery = 50;

// Libraries keep what they need of the machine when they are loaded; from here on nobody does.
borrowMachine();
process.once('message', (share: Share) => void work(share).then(() => process.disconnect()));

async function work({ from, to, step, isTold }: Share): Promise<void> {
  for (let seed = from; seed <= to; seed += step) {
    const report = await runSeed(seed);
    const isRepeated = isTold || seed % repeatEvery === 0;
    const again = isRepeated ? await runSeed(seed) : report;
    await tell({
      seed,
      failure: failureOf(report, again),
      seen: [...report.seen],
      hash: report.hash,
      trace: isTold ? report.trace : [],
    });
  }
}

function failureOf({ violation, hash }: SeedReport, again: SeedReport): string | null {
  if (hash !== again.hash) return `it is not the same twice: ${hash} and ${again.hash}`;
  return violation === null ? null : `${violation.promise} is broken: ${violation.what}`;
}

/** Waits until it is on its way, so that nothing piles up. */
function tell(told: Told): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(told, undefined, undefined, (error) => (error === null ? resolve() : reject(error)));
  });
}
