/** A log for what a guest causes: so many lines, each of so many characters, whatever it does (I13). */
import type { Logger } from '@vm-task/service/log';
import { VmTaskError } from '@vm-task/shared/errors';

export type GuestLog = Pick<Logger, 'info' | 'warn' | 'error'>;

/** An attempt says a handful of things; whoever looks for a cause needs the first of them. */
const linesInRow = 10;
const refillMs = 4_000;
const textMaxChars = 300;
const stackMaxChars = 1_000;

type Level = 'info' | 'warn' | 'error';

export function boundedLog(log: GuestLog, now: () => number = () => performance.now()): GuestLog {
  let permits = linesInRow;
  let refilledAt = now();
  let leftOut = 0;
  const isAllowed = () => {
    const came = Math.floor((now() - refilledAt) / refillMs);
    refilledAt += came * refillMs;
    permits = Math.min(linesInRow, permits + came);
    if (permits === 0) return false;
    permits -= 1;
    return true;
  };
  const at = (level: Level) => (fields: object, message: string) => {
    if (!isAllowed()) {
      leftOut += 1;
      return;
    }
    const before = leftOut === 0 ? {} : { leftOut };
    leftOut = 0;
    log[level]({ ...short(fields), ...before }, message);
  };
  return { info: at('info'), warn: at('warn'), error: at('error') } as GuestLog;
}

function short(fields: object): object {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, shortValue(value)]));
}

function shortValue(value: unknown): unknown {
  if (typeof value === 'string') return cut(value, textMaxChars);
  if (!(value instanceof Error)) return value;
  // The stack begins with the message, and goes on with where it was thrown.
  const where = value.stack?.split('\n    at ').slice(1).join('\n    at ') ?? '';
  const code = value instanceof VmTaskError ? { code: value.code } : {};
  return { type: value.name, ...code, message: cut(value.message, textMaxChars), stack: cut(where, stackMaxChars) };
}

function cut(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars)}…`;
}
