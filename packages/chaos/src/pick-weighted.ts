import type { Random } from '@vm-task/simulation/random';

/** One of them, each as often as its weight is of all weights. */
export function pickWeighted<T extends { readonly weight: number }>(random: Random, from: readonly T[]): T {
  let left = random.next() * from.reduce((sum, { weight }) => sum + weight, 0);
  for (const choice of from) {
    left -= choice.weight;
    if (left < 0) return choice;
  }
  return from[from.length - 1] as T;
}
