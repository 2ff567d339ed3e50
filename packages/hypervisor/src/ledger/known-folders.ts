/**
 * What folders say, read again only where one has changed. Whatever is written into a folder of the ledger comes as a new
 * entry or in place of one, and the filesystem notes both in the time of the folder.
 */
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { nullIfMissing } from '../host/missing.ts';

/** Of all filesystems, FAT has the coarsest times. A folder that changed so lately may change again without another time. */
const restedAfterMs = 2_000;

export class KnownFolders<K extends string, T> {
  readonly #pathOf: (name: K) => string;
  readonly #read: (name: K) => Promise<T>;
  readonly #known = new Map<K, { readonly stamp: string; readonly value: T }>();

  constructor(pathOf: (name: K) => string, read: (name: K) => Promise<T>) {
    this.#pathOf = pathOf;
    this.#read = read;
  }

  /** @throws what reading throws; then nothing is remembered. */
  async get(name: K): Promise<T> {
    // Before it is read: what is written meanwhile changes the stamp.
    const stats = await stat(this.#pathOf(name), { bigint: true }).catch(nullIfMissing);
    const stamp = stats === null ? null : stampOf(stats);
    const known = this.#known.get(name);
    if (known !== undefined && known.stamp === stamp) return known.value;
    const value = await this.#read(name);
    if (stamp !== null) this.#known.set(name, { stamp, value });
    return value;
  }

  /** Forgets all others. */
  keepOnly(names: readonly K[]): void {
    const kept = new Set(names);
    for (const name of this.#known.keys()) if (!kept.has(name)) this.#known.delete(name);
  }
}

/** Null while the folder has not rested. A clock that was set back makes that longer, and nothing else. */
function stampOf({ ino, mtimeMs, mtimeNs, ctimeNs }: BigIntStats): string | null {
  return Date.now() - Number(mtimeMs) < restedAfterMs ? null : `${ino} ${mtimeNs} ${ctimeNs}`;
}
