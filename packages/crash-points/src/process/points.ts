/**
 * In a service's process: what happens at a point. Nothing, or it is written down, or the process kills itself there.
 * Which of these is in a file that is read anew at each point, so that a running service can be told.
 */
import { appendFileSync, readFileSync, renameSync } from 'node:fs';
import { basename } from 'node:path';
import { control, type Order } from './control.ts';

type AnyFunction = (...args: unknown[]) => unknown;
type Phase = 'before' | 'after';

/** Calls the effect, with a point before it and one after it has succeeded. */
export type Effect = (place: string, receiver: unknown, effect: string | AnyFunction, ...args: unknown[]) => unknown;

/** For a process in which nothing is looked at. */
export const withoutPoints: Effect = (_place, receiver, effect, ...args) => call(receiver, effect, args);

/** `service`: whose process this is; `home`: of the system that it belongs to. */
export function pointsOf(service: string, home: string): Effect {
  const reach = (place: string, detail: string, phase: Phase) =>
    reachPoint(home, `${service} ${place}${detail}/${phase}`);
  return (place, receiver, effect, ...args) => {
    const detail = detailOf(receiver, typeof effect === 'string' ? effect : effect.name, args);
    reach(place, detail, 'before');
    const result = call(receiver, effect, args);
    if (!(result instanceof Promise)) {
      reach(place, detail, 'after');
      return result;
    }
    return result.then((value: unknown) => {
      reach(place, detail, 'after');
      return value;
    });
  };
}

function call(receiver: unknown, effect: string | AnyFunction, args: unknown[]): unknown {
  if (typeof effect === 'function') return effect(...args);
  return (receiver as Record<string, AnyFunction>)[effect]?.apply(receiver, args);
}

let seen = { order: '', times: 0 };

function reachPoint(home: string, point: string): void {
  const text = readOrder(home);
  const order: Order = text === '' ? { kind: 'none' } : JSON.parse(text);
  if (order.kind === 'record') appendFileSync(control(home).reached, `${point}\n`);
  if (order.kind !== 'kill' || order.point !== point) return;
  seen = seen.order === text ? { order: text, times: seen.times + 1 } : { order: text, times: 1 };
  if (seen.times < order.time) return;
  // Done at once and only once: whoever is started next finds no order any more.
  renameSync(control(home).order, control(home).obeyed);
  process.kill(process.pid, 'SIGKILL');
}

function readOrder(home: string): string {
  try {
    return readFileSync(control(home).order, 'utf8');
  } catch {
    return '';
  }
}

/** What the effect is about, without what differs from run to run: ` task.completed.default.T`, ` vm.json`. */
function detailOf(receiver: unknown, effect: string, args: readonly unknown[]): string {
  const about = subjectOf(receiver) ?? requestIn(args[0]) ?? namedBy(effect, args);
  if (about === '') return '';
  return ` ${about
    // The name of an object is used once, and written in base64.
    .replaceAll(/(\$O\.[^.]+\.M\.)[\w-]+/g, '$1NAME')
    .replaceAll(/vm-[0-9a-f]{8}-[0-9a-f-]{27}/g, 'VM')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'T')
    .replaceAll(/\b[0-9a-f]{16,}\b/g, 'KEY')
    // The draft of a file has a number by chance.
    .replaceAll(/\.\d+\.[0-9a-f]{8}\b/g, '.DRAFT')
    .replaceAll(/\d+/g, 'N')}`;
}

/** Of a message that is settled. */
function subjectOf(receiver: unknown): string | null {
  const subject = (receiver as { subject?: unknown } | null)?.subject;
  return typeof subject === 'string' ? subject : null;
}

/** Of two paths the effect is on the second one. Of JSON what it begins with. */
const onTheSecond = new Set(['rename', 'renameSync', 'link', 'linkSync', 'symlink', 'copyFile', 'cp']);

function namedBy(effect: string, args: readonly unknown[]): string {
  const [first, second] = args;
  const text = onTheSecond.has(effect) ? second : first;
  if (typeof text !== 'string') return '';
  const [, key, value] = /^\{"(\w+)":"?([\w-]*)/.exec(text) ?? [];
  if (key !== undefined) return key === 'execute' ? (value ?? key) : key;
  return basename(text.split('\n')[0] ?? '').trim();
}

/** The verb and the job of a request to a guest. */
function requestIn(arg: unknown): string | null {
  if (!Buffer.isBuffer(arg)) return null;
  const text = arg.toString('latin1');
  const verb = fieldIn(text, 'verb');
  if (verb === null) return null;
  return [verb, fieldIn(text, 'name')?.replace(/^.{36}-\d+-/, '')].filter(Boolean).join(' ');
}

function fieldIn(text: string, name: string): string | null {
  const found = new RegExp(`${name} (\\d{1,3})\\n`).exec(text);
  if (found === null) return null;
  const start = found.index + found[0].length;
  return text.slice(start, start + Number(found[1]));
}
