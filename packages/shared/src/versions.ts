/** Versions of one to four numbers with dots between them, ordered as numbers (3.10 is after 3.9). */

/** A total order: number by number; of two that agree as far as both go, the longer one is the newer. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
