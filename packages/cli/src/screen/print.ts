/** The only places that write to stdout and stderr on purpose. */
import type { Json } from '@vm-task/shared/json';
import { jsonText, resultText } from './result-text.ts';

/** A line on stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(jsonText(value));
}

/** One line of many. */
export function printJsonLine(value: unknown): void {
  print(jsonText(value, 0));
}

/** What a task left. `isLineOpen`: what was printed before has not ended its line. */
export function printResult(result: Json, isLineOpen = false): void {
  print(resultText(result, { isTerminal: process.stdout.isTTY, isLineOpen }));
}

/** A line on stderr, marked as ours. */
export function note(text: string): void {
  process.stderr.write(`vm-task: ${text}\n`);
}
