/** Chance that can be had again. */
import { randomInt } from 'node:crypto';

/**
 * The seed of this run, which `npm test` hands down and says; started in another way, one by chance. `what` is said with
 * it, so that a failure can be had again: `VM_TASK_TEST_SEED=N` before whatever was started.
 */
export function runSeed(what: string): number {
  const seed = Number(process.env['VM_TASK_TEST_SEED'] ?? randomInt(1, 1_000_000));
  process.stdout.write(`${what}: seed ${seed}\n`);
  return seed;
}
