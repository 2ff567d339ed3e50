/** Commands about tasks that answer at once: show, list, events, cancel, retry; and logs, which may follow. */

import type { TaskSummary, TaskView } from '@vm-task/client/views';
import { answerersText } from '@vm-task/shared/answerers-text';
import { fileTable } from '../screen/file-table.ts';
import { plainLine, shorten } from '../screen/plain-text.ts';
import { print, printJson, printJsonLine, printResult } from '../screen/print.ts';
import { progressText } from '../screen/progress-text.ts';
import { humanDuration, table } from '../screen/table.ts';
import type { System } from '../systems/system.ts';

/** `files` lists all of them. */
const shownFilesMax = 20;

export interface Common {
  readonly system: System;
  readonly json: boolean;
}

export async function show({ system, json }: Common, id: string): Promise<void> {
  const view = await system.client.tasks.show(id);
  if (json) return printJson(view);
  print(table(['field', 'value'], fieldsOf(view)));
  if (view.attempts.length > 0)
    print(`\n${table(['attempt', 'vm', 'started', 'ended', 'exit', 'error'], attemptRows(view))}`);
  const { artifacts = [], unmatched = [] } = view;
  if (artifacts.length > 0) print(`\n${fileTable(view, shownFilesMax)}`);
  for (const { note } of unmatched) print(`\nartifacts: ${plainLine(note)}`);
  if (view.result !== null) {
    print('\nresult:');
    printResult(view.result);
  }
}

function fieldsOf(view: TaskView): (readonly [string, string | number | null])[] {
  return [
    ['id', view.id],
    ['status', view.status],
    ['outcome', view.outcome],
    ['exitCode', view.exitCode],
    ['error', view.error === null ? null : `${view.error.code}: ${view.error.message}`],
    ['pool', view.pool],
    ['image', view.image],
    ['vm', view.vm],
    ...(view.progress === null ? [] : [['progress', progressText(view.progress)] as const]),
    ...(view.question === null ? [] : questionFields(view.question)),
    ['created', view.createdAt],
    ['completed', view.completedAt],
    ['timings', timingsText(view.timings)],
  ];
}

/** Each phase with its time in all attempts, in the order in which they came first. */
export function timingsText({ phases = [], totalMs }: TaskView['timings']): string {
  const sums = new Map<string, number>();
  for (const { phase, ms } of phases) sums.set(phase, (sums.get(phase) ?? 0) + ms);
  return [...sums, ['total', totalMs] as const].map(([name, ms]) => `${name} ${humanDuration(ms)}`).join(', ');
}

function questionFields({ text, until, answerers }: NonNullable<TaskView['question']>): [string, string][] {
  return [
    ['question', text],
    ...(answerers === undefined ? [] : [['answered by', answerersText(answerers)] as [string, string]]),
    ['answer until', until],
  ];
}

function attemptRows(view: TaskView): (string | number | null)[][] {
  return view.attempts.map((attempt) => [
    attempt.number,
    attempt.vm,
    attempt.startedAt,
    attempt.endedAt,
    attempt.exitCode,
    attempt.error === null ? null : shorten(attempt.error.message, 60),
  ]);
}

export async function list({ system, json }: Common, query: Readonly<Record<string, string>>): Promise<void> {
  const page = await system.client.tasks.list(query);
  if (json) return printJson(page);
  print(table(['id', 'status', 'exit', 'pool', 'image', 'created', 'note'], page.tasks.map(rowOf)));
  if (page.next !== null) print(`\nmore: vm-task list --after ${page.next}`);
}

function rowOf(task: TaskSummary): (string | number | null)[] {
  const note = task.error === null ? '' : shorten(task.error.message, 50);
  return [task.id, task.outcome ?? task.status, task.exitCode, task.pool, task.image, task.createdAt, note];
}

export async function events({ system, json }: Common, id: string): Promise<void> {
  const answer = await system.client.tasks.events(id);
  if (json) return printJson(answer);
  const rows = answer.events.map(({ seq, time, type, data }) => [seq, time, type, shorten(JSON.stringify(data), 100)]);
  print(table(['seq', 'time', 'type', 'data'], rows));
}

export async function cancel({ system, json }: Common, id: string): Promise<void> {
  const client = system.client;
  const { id: task } = await client.tasks.show(id);
  await client.tasks.cancel(task);
  if (json) printJson({ id: task, status: 'cancelling' });
  else print(`${task} is being cancelled`);
}

export async function retry({ system, json }: Common, id: string): Promise<void> {
  const task = await system.client.tasks.retry(id);
  if (json) printJson({ id: task });
  else print(task);
}

/** Output as it was written: the process's stdout on stdout, everything else on stderr. */
export async function logs({ system, json }: Common, id: string, follow: boolean): Promise<void> {
  const { signal } = new AbortController();
  for await (const { event, data } of system.client.tasks.output(id, { follow, signal })) {
    if (event !== 'output') continue;
    if (json) printJsonLine(data);
    else (data.stream === 'stdout' ? process.stdout : process.stderr).write(Buffer.from(data.data, 'base64'));
  }
}

export async function pools({ system, json }: Common): Promise<void> {
  const answer = await system.client.pools.list();
  const known = answer.pools.map((pool) => ({ ...pool, note: system.poolNote(pool.name) }));
  if (json) return printJson({ pools: known });
  const rows = known.map((pool) => {
    const counts = Object.entries(pool.tasks).filter(([, count]) => count > 0);
    const tasks = counts.map(([status, count]) => `${count} ${status}`);
    return [pool.name, pool.driver, pool.image, pool.max, pool.warm, tasks.join(', ') || null, pool.note];
  });
  print(table(['pool', 'driver', 'image', 'max', 'warm', 'tasks', 'note'], rows));
}
