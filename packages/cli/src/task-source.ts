/** What the user wants run: a file, or a command after `--`. */
import { parseTaskFile } from '@vm-task/pipelines/planning/plan-task';
import { VmTaskError } from '@vm-task/shared/errors';
import { parseYaml } from '@vm-task/shared/yaml-text';
import { readText, sourceOf } from './input.ts';

export interface TaskOptions {
  readonly image?: string;
  readonly pool?: string;
  readonly egress?: string;
  /** In place of `egress`. */
  readonly allow?: readonly string[];
}

/** The task as it will be submitted, checked here already so that a slip costs nothing. @throws `invalid-task`. */
export async function readTask(
  words: readonly string[],
  isCommand: boolean,
  { allow, ...options }: TaskOptions,
): Promise<unknown> {
  if (allow !== undefined && options.egress !== undefined) {
    throw new VmTaskError(
      'invalid-task',
      'give --egress or --allow, not both: with --allow the VM reaches that and nothing else',
    );
  }
  const egress = allow === undefined ? {} : { egress: { allow } };
  const task = { ...(isCommand ? { command: words } : await readTaskFile(words)), ...options, ...egress };
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

async function readTaskFile(words: readonly string[]): Promise<object> {
  const [path, ...more] = words;
  if (path === undefined || more.length > 0) {
    throw new VmTaskError('invalid-task', 'give one task file, or a command after "--": vm-task run -- echo hello');
  }
  const source = sourceOf(path);
  const parsed = parseYaml(await readText(path, 'invalid-task'), source, 'invalid-task');
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new VmTaskError('invalid-task', `${source} is not a task: it must have keys such as run or command`);
  }
  return parsed;
}
