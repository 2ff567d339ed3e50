/** Versions of images: one to four numbers with dots between them, ordered as numbers (3.10 is after 3.9). */
import { compareVersions } from '@vm-task/shared/versions';

export { versionPattern } from '@vm-task/shared/versions';

/** The newest of these versions, or null of none. */
export function newestVersion(versions: readonly string[]): string | null {
  return versions.toSorted(compareVersions).at(-1) ?? null;
}
