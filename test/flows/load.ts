/** Tasks whose output shows whether they were disturbed, and what must be true of them in the end. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskId } from '@vm-task/shared/ids';
import { logSubject } from '@vm-task/shared/subjects';
import { expect } from 'vitest';
import type { System } from './system.ts';

export interface CountingTask {
  readonly task: TaskId;
  readonly count: number;
  readonly name: string;
}

/** A task that counts ten times a second, and writes down each start of it under `name`. */
export async function submitCounter(system: System, name: string, count: number): Promise<CountingTask> {
  const run = `echo started >> "$HOME/${name}"; i=0; while [ $i -lt ${count} ]; do i=$((i + 1)); echo "line $i"; sleep 0.1; done`;
  return { name, count, task: await system.submit({ run, timeouts: { queue: '30m' } }) };
}

/** It succeeded in its first attempt, was started once, has one end, and its output has neither gap nor repetition. */
export async function expectUndisturbed(system: System, { task, count, name }: CountingTask): Promise<void> {
  const { data } = await system.headOf(task, 'task.completed', 300_000);
  expect(data).toMatchObject({ outcome: 'succeeded', exitCode: 0, attempt: 1, error: null });
  const lines = Array.from({ length: count }, (_, i) => `line ${i + 1}\n`).join('');
  expect(await stdoutOf(system, task)).toBe(lines);
  expect(await readFile(join(system.guest.home, name), 'utf8')).toBe('started\n');
  const events = await system.eventsOf(task);
  expect(events.filter(({ type }) => type === 'task.completed')).toHaveLength(1);
  expect(events.filter(({ type }) => type === 'task.setup.done')).toHaveLength(1);
}

/** @throws where a chunk does not begin where the one before it ended. */
export async function stdoutOf({ broker }: System, task: TaskId): Promise<string> {
  const { jsm } = broker.connection;
  const { state } = await jsm.streams.info('LOGS');
  let text = '';
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await jsm.streams.getMessage('LOGS', { seq });
    if (message?.subject !== logSubject(task, 1, 'stdout', 'host-1')) continue;
    const offset = Number(message.header.get('vm-task-offset'));
    if (offset !== text.length) throw new Error(`a chunk at ${offset} follows ${text.length} bytes`);
    text += message.string();
  }
  return text;
}
