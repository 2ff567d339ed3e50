/** What a pool is preparing, for the people who wait: a small file in the home's `run`, there only meanwhile. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@vm-task/service/log';
import type { Home } from '@vm-task/shared/home';
import type { TellProgress } from './preparations.ts';

/** `preparing-<pool>.json`: `{note, fraction?}`. Whole whenever it is there; each new note is logged once. */
export function progressFiles(home: Home, pools: readonly string[], log: Logger): TellProgress {
  const file = (pool: string) => join(home.run, `preparing-${pool}.json`);
  const notes = new Map<string, string>();
  mkdirSync(home.run, { recursive: true });
  // A provisioner that was killed may have left one.
  for (const pool of pools) rmSync(file(pool), { force: true });
  return (pool, now) => {
    if (now === null) {
      notes.delete(pool);
      rmSync(file(pool), { force: true });
      return;
    }
    if (notes.get(pool) !== now.note) log.info({ pool }, now.note);
    notes.set(pool, now.note);
    const draft = `${file(pool)}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(now));
    renameSync(draft, file(pool));
  };
}
