/** Versions as numbers with dots between them, and those of releases, ordered. */

/** Of images: one to four numbers with dots between them. */
export const versionPattern = /^(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){0,3}$/;

/** A total order of versions of one to four numbers (3.10 is after 3.9): number by number; of two that agree as far as both go, the longer one is the newer. */
export function compareVersions(a: string, b: string): number {
  return compareNumbers(a.split('.'), b.split('.'));
}

/** The order of semantic versioning: `0.2.0-rc.2` is before `0.2.0-rc.10`, and both are before `0.2.0`. */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  const difference = compareNumbers(left.numbers, right.numbers);
  if (difference !== 0) return difference;
  if (left.candidate.length === 0 || right.candidate.length === 0)
    return right.candidate.length - left.candidate.length;
  for (let i = 0; i < Math.min(left.candidate.length, right.candidate.length); i++) {
    const order = compareIdentifiers(left.candidate[i] ?? '', right.candidate[i] ?? '');
    if (order !== 0) return order;
  }
  return left.candidate.length - right.candidate.length;
}

function partsOf(version: string): { readonly numbers: readonly string[]; readonly candidate: readonly string[] } {
  const [release = ''] = version.split('+');
  const dash = release.indexOf('-');
  if (dash < 0) return { numbers: release.split('.'), candidate: [] };
  return { numbers: release.slice(0, dash).split('.'), candidate: release.slice(dash + 1).split('.') };
}

function compareNumbers(left: readonly string[], right: readonly string[]): number {
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = Number(left[i]) - Number(right[i]);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Numbers are before words. */
function compareIdentifiers(a: string, b: string): number {
  const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && isOtherNumber) return Number(a) - Number(b);
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}
