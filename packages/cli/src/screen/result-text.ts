/** Results on their way to stdout: as they are for a program, and harmless for a terminal. */
import type { Json } from '@vm-task/shared/json';
import { plainLines } from './plain-text.ts';

export interface Screen {
  readonly isTerminal: boolean;
  /** What was written before has not ended its line. */
  readonly isLineOpen: boolean;
}

/** A text is as it is, for a terminal without what moves its cursor; all else is JSON. It begins a line. */
export function resultText(result: Json, { isTerminal, isLineOpen }: Screen): string {
  const begin = isLineOpen ? '\n' : '';
  if (typeof result !== 'string') return begin + jsonText(result);
  return begin + (isTerminal ? plainLines(result) : result);
}

/** JSON escapes the control characters below 0x20 only; those from 0x7f on move a cursor, too. */
export function jsonText(value: unknown, indent = 2): string {
  const asEscape = (character: string) => `\\u00${character.charCodeAt(0).toString(16)}`;
  return JSON.stringify(value, null, indent).replaceAll(/[\u007f-\u009f]/g, asEscape);
}
