/** What a benchmark leaves: tables on the screen, and a JSON file in `bench/results/` with where it was measured. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { describeMachine } from './machine.ts';

const resultsFolder = fileURLToPath(new URL('../results/', import.meta.url));

export function printTable(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
  const table = new Table({ head: [...header], style: { head: [], border: [], compact: true } });
  table.push(...rows.map((row) => [...row]));
  console.log(`\n${title}\n${table.toString()}`);
}

/** `12.3 ms`, with as many digits as mean something. */
export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
}

/** A figure against its target: a limit that it must not pass, or one that it must reach. */
export interface Target {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly kind: 'at most' | 'at least';
}

export function isMet({ value, limit, kind }: Target): boolean {
  return kind === 'at most' ? value <= limit : value >= limit;
}

export function printTargets(targets: readonly Target[]): void {
  const rows = targets.map((target) => [
    target.what,
    target.value.toFixed(2),
    `${target.kind} ${target.limit.toFixed(2)}`,
    isMet(target) ? 'met' : 'NOT MET',
  ]);
  printTable('Targets', ['figure', 'measured', 'target', ''], rows);
}

/** Writes `bench/results/<name>-<time>.json` and says so. */
export function writeResults(name: string, results: object): void {
  const date = new Date().toISOString();
  mkdirSync(resultsFolder, { recursive: true });
  const file = join(resultsFolder, `${name}-${date.replaceAll(':', '-').slice(0, 19)}.json`);
  writeFileSync(file, `${JSON.stringify({ bench: name, date, machine: describeMachine(), ...results }, null, 2)}\n`);
  console.log(`\nwritten to ${file}`);
}
