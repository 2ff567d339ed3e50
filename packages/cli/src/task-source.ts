/** What the user wants run: a file, or a command after `--`. */
import { readFileSync } from 'node:fs';
import { parseTaskFile } from '@vm-task/pipelines/planning/plan-task';
import { type ErrorCode, VmTaskError } from '@vm-task/shared/errors';
import { requireUtf8 } from '@vm-task/shared/utf8';
import { parseYaml } from '@vm-task/shared/yaml-text';

export interface TaskOptions {
  readonly image?: string;
  readonly pool?: string;
  readonly egress?: string;
}

/** The task as it will be submitted, checked here already so that a slip costs nothing. @throws `invalid-task`. */
export function readTask(words: readonly string[], isCommand: boolean, options: TaskOptions): unknown {
  const task = { ...(isCommand ? { command: words } : readTaskFile(words)), ...options };
  parseTaskFile(task);
  return task;
}

/** What to tell whoever writes expressions into a task; null where there are none. They may be meant as text. */
export function expressionsNote(task: unknown): string | null {
  const places = placesOfExpressions(task);
  if (places.length === 0) return null;
  const shown = places.slice(0, shownMax).join(', ') + (places.length > shownMax ? ', …' : '');
  return `\${{ … }} is text in a task, and an expression in a pipeline only: ${shown}`;
}

const shownMax = 5;

/** `inputs.list.1` for each text with one. The task has been checked, so it is not deep. */
function placesOfExpressions(value: unknown): string[] {
  if (typeof value === 'string') return value.includes('${{') ? [''] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    placesOfExpressions(inner).map((place) => (place === '' ? key : `${key}.${place}`)),
  );
}

function readTaskFile(words: readonly string[]): object {
  const [path, ...more] = words;
  if (path === undefined || more.length > 0) {
    throw new VmTaskError('invalid-task', 'give one task file, or a command after "--": vm-task run -- echo hello');
  }
  const source = path === '-' ? 'standard input' : path;
  const parsed = parseYaml(readText(path, source, 'invalid-task'), source, 'invalid-task');
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new VmTaskError('invalid-task', `${source} is not a task: it must have keys such as run or command`);
  }
  return parsed;
}

/** Of a file, or of standard input for `-`. @throws an error of `code`. */
export function readText(path: string, source: string, code: ErrorCode): string {
  return requireUtf8(readBytes(path, source, code), source, code);
}

function readBytes(path: string, source: string, code: ErrorCode): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    throw new VmTaskError(code, `${source} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
