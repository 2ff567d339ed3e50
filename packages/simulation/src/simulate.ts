/** Many seeds on several processors: which fail, and whether all that should happen sometimes did. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { allSometimes, type Sometimes } from './sometimes.ts';
import type { Share, Told } from './worker.ts';

export interface Wanted {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly isTold: boolean;
}

/** In fewer seeds what is rare may be missing by chance: the rarest happens about once in a hundred. */
const sometimesFromSeeds = 1_500;
const tellEverySeeds = 1_000;
/** What nobody can reach any more of a seed, Node keeps in part: with its process it goes. */
const seedsPerProcess = 500;
/** More would say nothing new. */
const maxFailures = 20;

/** True when every seed passed, and everything that must happen sometimes did. */
export async function simulate(wanted: Wanted, say: (line: string) => void): Promise<boolean> {
  const { from, seeds, isTold } = wanted;
  const seen = new Set<Sometimes>();
  const failures: string[] = [];
  let done = 0;
  const beginMs = performance.now();
  const take = (told: Told) => {
    for (const what of told.seen) seen.add(what);
    for (const line of told.trace) say(line);
    if (isTold) say(`trace ${told.hash}`);
    if (told.failure !== null) {
      failures.push(told.failure);
      say(
        `seed ${told.seed} fails: ${told.failure}. Again, with all that happens: npm run simulate -- --seed ${told.seed}`,
      );
    }
    if (++done % tellEverySeeds === 0) say(`${done} of ${seeds} seeds, ${failures.length} failed`);
    return failures.length < maxFailures;
  };
  const workers = Math.min(wanted.workers, seeds);
  const shares = Array.from({ length: workers }, (_, index) => ({
    from: from + index,
    to: from + seeds - 1,
    step: workers,
    isTold,
  }));
  await Promise.all(shares.map((share) => runShare(share, take)));
  const missing = seeds < sometimesFromSeeds ? [] : allSometimes.filter((what) => !seen.has(what));
  for (const what of missing) say(`never happened in ${done} seeds: ${what}`);
  const seconds = ((performance.now() - beginMs) / 1_000).toFixed(1);
  say(
    `${done} seeds from ${from} in ${seconds} s: ${failures.length} failed; ${seen.size} of ${allSometimes.length} sometimes seen`,
  );
  return failures.length === 0 && missing.length === 0;
}

/** Returns when all of it is done, or when `take` wants no more. @throws when a worker ends before its time. */
async function runShare(share: Share, take: (told: Told) => boolean): Promise<void> {
  const stride = share.step * seedsPerProcess;
  let isWanted = true;
  for (let from = share.from; isWanted && from <= share.to; from += stride) {
    isWanted = await runWorker({ ...share, from, to: Math.min(share.to, from + stride - 1) }, take);
  }
}

/** False when `take` wants no more: the worker is ended then. */
async function runWorker(share: Share, take: (told: Told) => boolean): Promise<boolean> {
  const worker: ChildProcess = fork(fileURLToPath(new URL('worker.ts', import.meta.url)));
  let isWanted = true;
  worker.on('message', (told: Told) => {
    if (!isWanted || take(told)) return;
    isWanted = false;
    worker.kill();
  });
  const ended = once(worker, 'exit');
  worker.send(share);
  const [code] = await ended;
  if (code !== 0 && isWanted) throw new Error(`the worker of seeds from ${share.from} ended with ${code}`);
  return isWanted;
}
