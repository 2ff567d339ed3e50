/** Memory that a process has for itself: what it shares with others, as its program's text, is left out. */
import { readFileSync } from 'node:fs';

/** In bytes. */
export function privateMemoryOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const lines = [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)];
  return lines.reduce((sum, [, kB]) => sum + Number(kB) * 1024, 0);
}
