/** A host that has a credential, and says of the tasks of another one whatever it likes. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { followLog, lastLogSeq, openLogWriter } from '@vm-task/bus/output-log';
import { readHistory } from '@vm-task/bus/task-history';
import type { Draft } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { eventSubject } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { storeNewer } from '@vm-task/testing/newer-events';
import * as sample from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { type System, startSystem } from './system.ts';

const host = 'host-2';
const { signal } = new AbortController();

/** A task's output as people are shown it. */
async function shownOf({ broker: { connection } }: System, task: TaskId): Promise<string> {
  const last = await lastLogSeq(connection, task);
  let text = '';
  for await (const entry of followLog(connection, task, 1, signal)) {
    if (entry.attempt !== null && 'bytes' in entry) text += Buffer.from(entry.bytes).toString('utf8');
    if (entry.seq >= last) break;
  }
  return text;
}

test('what another host says of a running task moves its sequence and nothing else; it ends behind all of that', async () => {
  await using system = await startSystem();
  await using stranger = await system.broker.connect({ host });
  const { connection, bus } = stranger;
  const wait = 'while [ ! -e "$HOME/go" ]; do sleep 0.1; done';
  const task = await system.submit({ run: `echo started >> "$HOME/starts"; echo before; ${wait}; echo after` });
  const key = { pool: 'default', task };
  const ready = await system.headOf(task, 'vm.ready');
  const vm = ready.data.vm;
  const forged: Draft[] = [
    sample.vmReady(task, { attempt: 2 }, host),
    sample.resumed(task, vm, {}, host),
    sample.retrying(task, { vm }, host),
    sample.cancelling(task, {}, host),
    sample.completed(task, { vm, outcome: 'failed' }, host),
  ];
  for (const draft of forged) await bus.append(draft, ready.seq, signal);
  const { lastSeq } = await readHistory(connection, key);
  await storeNewer(connection, sample.completed(task, { vm }, host), lastSeq);
  // As by hand, in the name of the VM's own host.
  const copied = sample.completed(task, { vm });
  await connection.js.publish(eventSubject(copied), JSON.stringify(copied.data));
  await bus.announce(sample.vmGone(vm, { task }, host), signal);
  const writer = await openLogWriter(connection, task, 1, 'stdout', host);
  await writer.write(Buffer.from('forged\n'), signal);
  expect((await readHistory(connection, key)).events.map(({ type }) => type)).toEqual(['task.created', 'vm.ready']);

  await writeFile(join(system.guest.home, 'go'), '');
  const end = await system.headOf(task, 'task.completed');
  expect(end).toMatchObject({ host: 'host-1', data: { outcome: 'succeeded', exitCode: 0, attempt: 1 } });
  const own = (await readHistory(connection, key)).events.map(({ type }) => type);
  expect(own).toEqual(['task.created', 'vm.ready', 'task.completed']);
  const isGone = async () => (await system.hypervisor.find(vm)) === null;
  await eventually(isGone, { what: 'the VM of the task is gone' });
  expect(await shownOf(system, task)).toBe('before\nafter\n');
  expect(await readFile(join(system.guest.home, 'starts'), 'utf8')).toBe('started\n');
});
