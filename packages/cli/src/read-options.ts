/** Options of the command line as commands take them. */
import type { RunTemplateOptions } from './commands/templates.ts';
import { note } from './screen/print.ts';
import type { TaskOptions } from './task-source.ts';

/** A file, unless the words come after `--`. */
export async function taskFrom(words: readonly string[], options: Record<string, unknown>): Promise<unknown> {
  const wanted = Object.entries(options).filter(([name]) => ['image', 'pool', 'egress', 'allow'].includes(name));
  const dashes = process.argv.indexOf('--');
  const isCommand = dashes !== -1 && words.length > 0;
  const { expressionsNote, readTask } = await import('./task-source.ts');
  const task = await readTask(words, isCommand, Object.fromEntries(wanted) as TaskOptions);
  const said = isCommand ? null : expressionsNote(task);
  if (said !== null) note(said);
  return task;
}

/** Options that become part of a request's query. */
const queryOptions = new Set(['status', 'pool', 'to', 'archived', 'after', 'limit']);

export function queryFrom(options: Record<string, unknown>): Record<string, string> {
  const wanted = Object.entries(options).filter(([name]) => queryOptions.has(name));
  return Object.fromEntries(wanted.map(([name, value]) => [name, String(value)]));
}

export function settingsFrom(options: Record<string, unknown>): RunTemplateOptions {
  return { settings: (options['set'] ?? []) as string[], key: options['key'] as string | undefined };
}

/** For an option that may be given more than once. */
export const collect = (value: string, values: readonly string[] = []): string[] => [...values, value];
