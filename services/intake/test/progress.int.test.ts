/** What processes say of how far they are, and the tasks that tasks ask for: as people see them. */

import { storeProgress } from '@vm-task/bus/task-progress';
import type { Draft } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId } from '@vm-task/shared/new-ids';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { setupDone, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { type IntakeProcess, makeHome, startIntake, startIntakeBroker } from './intake-process.ts';
import { type ReadMessage, readMessages } from './read-messages.ts';
import { completed, created } from './task-events.ts';

const { signal } = new AbortController();

async function append(broker: Broker, draft: Draft & { data: { task: TaskId; pool: string } }): Promise<void> {
  const head = await broker.bus.head(draft.data);
  await broker.bus.append(draft, head?.seq ?? 0, signal);
}

async function begin(broker: Broker, task: TaskId): Promise<void> {
  await append(broker, vmReady(task));
  await append(broker, setupDone(task));
}

const show = async (intake: IntakeProcess, path: string) =>
  (await (await intake.ask('GET', path)).json()) as Record<string, unknown>;

test('progress is shown while the task runs, and told between its output to the end of that', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const task = newTaskId(Date.now());
  await append(broker, created(task));
  await begin(broker, task);
  await storeProgress(broker.connection, task, 1, 'host-1', { percent: 40, text: '比较' });
  const running = await eventually(
    async () => {
      const shown = await show(intake, `/v1/tasks/${task}`);
      return shown['progress'] !== null && shown;
    },
    { what: 'the progress is shown' },
  );
  expect(running).toMatchObject({ status: 'running', progress: { percent: 40, text: '比较' } });
  const live = readMessages(await intake.ask('GET', `/v1/tasks/${task}/logs`));
  await append(broker, completed(task, null));
  const said: ReadMessage[] = [];
  for await (const message of live) said.push(message);
  expect(said).toMatchObject([{ event: 'progress', data: { attempt: 1, percent: 40 } }, { event: 'end' }]);
  expect(await show(intake, `/v1/tasks/${task}`)).toMatchObject({ status: 'completed', progress: null });
});

test('a pipeline is shown again when one of its tasks says how far it is', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const pipeline = { name: 'one', stages: { a: { run: 'true' } } };
  const answer = await intake.ask('POST', '/v1/pipelines', { body: { pipeline } });
  const { id } = (await answer.json()) as { id: string };
  const accept = { accept: 'text/event-stream' };
  const views = readMessages(await intake.ask('GET', `/v1/pipelines/${id}`, { headers: accept }));
  expect.assertions(1);
  using told = new DisposableStack();
  for await (const { data } of views) {
    const run = (data as { stages: { runs: { task: { id: TaskId; status: string } | null; progress: unknown }[] }[] })
      .stages[0]?.runs[0];
    if (run?.progress != null) {
      expect(run.progress).toMatchObject({ percent: null, text: 'half' });
      break;
    }
    if (run?.task?.status === 'queued') await begin(broker, run.task.id);
    if (run?.task?.status !== 'running') continue;
    const { id: task } = run.task;
    // What is said before somebody listens is shown with what comes next.
    const saying = setInterval(() => void storeProgress(broker.connection, task, 1, 'host-1', { text: 'half' }), 100);
    told.defer(() => clearInterval(saying));
  }
});
