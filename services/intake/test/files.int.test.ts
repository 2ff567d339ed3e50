/** Files that tasks leave behind, as people see and fetch them. */
import { createHash, randomBytes } from 'node:crypto';
import { artifactName, storeArtifact } from '@vm-task/bus/artifacts';
import { createClient } from '@vm-task/client/client';
import type { Draft, EventData } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker, token } from './intake-process.ts';
import { completed, created } from './task-events.ts';

const { signal } = new AbortController();

async function append(broker: Broker, draft: Draft & { data: { task: TaskId; pool: string } }): Promise<void> {
  const head = await broker.bus.head(draft.data);
  await broker.bus.append(draft, head?.seq ?? 0, signal);
}

async function endWith(broker: Broker, more: Partial<EventData<'task.completed'>>): Promise<TaskId> {
  const task = newTaskId(Date.now());
  const vm = newVmId(Date.now());
  await append(broker, created(task));
  await append(broker, vmReady(task, { vm }));
  await append(broker, completed(task, vm, more));
  return task;
}

async function store(broker: Broker, path: string, bytes: Buffer) {
  const content = async function* () {
    yield bytes;
  };
  return { path, ...(await storeArtifact(broker.connection, 'host-1', artifactName(newTaskId(0), 1), content())) };
}

/** As a file system has them. */
const awkward = [
  'with space.txt',
  'ünï漢.txt',
  'co:lon;semi.txt',
  'quo"te.txt',
  "apo'strophe.txt",
  '-dash.txt',
  'per%20cent.txt',
  'per%2Fcent.txt',
  '%',
  'q?mark#hash.txt',
  'new\nline.txt',
  'back\\slash.txt',
  'star*.txt',
  'tab\ttab.txt',
  '{brace}[br].txt',
  'cafe\u0301.txt',
  'caf\u00e9.txt',
  '+a&b=c',
  `${'deep/'.repeat(60)}${'n'.repeat(255)}`,
];

test('a task shows its files and what its patterns missed, and each file comes under its name, whatever that is', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const client = createClient({ url: intake.url, token });
  const kept = [];
  for (const name of awkward) kept.push(await store(broker, `out/${name}`, Buffer.from(name)));
  const tool = { ...(await store(broker, 'tool', Buffer.from('#!/bin/sh\n'))), executable: true as const };
  const unmatched = [
    { pattern: 'report', found: 'folder' as const },
    { pattern: './build/', found: 'folder' as const },
    { pattern: 'out/*', found: 'hidden' as const },
    { pattern: 'missing/*.xml', found: 'nothing' as const },
    { pattern: 'a\u001b[31m', found: 'nothing' as const },
  ];
  const task = await endWith(broker, { artifacts: [...kept, tool], unmatched });
  const shown = await eventually(
    async () => (await client.tasks.show(task)).outcome !== null && client.tasks.show(task),
    {
      what: 'the end is shown',
    },
  );
  expect(shown.artifacts).toEqual(
    [...kept.map((one) => ({ ...one, executable: false })), tool].map(({ object: _, ...one }) => one),
  );
  expect(shown.unmatched?.map(({ pattern, note }) => [pattern, note])).toEqual([
    ['report', 'report is a folder: write report/** for the files in it'],
    ['./build/', './build/ is a folder: write ./build/** for the files in it'],
    ['out/*', 'out/* matches only names that begin with a dot, which has to be written, as in .*'],
    ['missing/*.xml', 'no file matches missing/*.xml'],
    ['a\u001b[31m', 'no file matches "a\\u001b[31m"'],
  ]);
  for (const name of awkward) {
    const answer = await client.tasks.artifact(task, `out/${name}`);
    expect([name, await answer.text()]).toEqual([name, name]);
  }
});

test('of a task from before there were such notes, none are shown', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const client = createClient({ url: intake.url, token });
  const task = await endWith(broker, {});
  const shown = await eventually(
    async () => (await client.tasks.show(task)).outcome !== null && client.tasks.show(task),
    {
      what: 'the end is shown',
    },
  );
  expect(shown).toMatchObject({ artifacts: [], unmatched: [] });
});

test('a large file is streamed, is never shown as a page, and keeps its digest', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const bytes = randomBytes(40 * 1024 * 1024);
  const file = await store(broker, 'page.html', bytes);
  const task = await endWith(broker, { artifacts: [file] });
  const answer = await eventually(
    async () => {
      const asked = await intake.ask('GET', `/v1/tasks/${task}/artifacts/page.html`);
      return asked.status === 200 && asked;
    },
    { what: 'the file is there' },
  );
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment',
    'x-content-type-options': 'nosniff',
    'content-length': String(bytes.length),
    etag: `"${file.sha256}"`,
  });
  const hash = createHash('sha256');
  for await (const chunk of answer.body ?? []) hash.update(chunk);
  expect(hash.digest('hex')).toBe(file.sha256);
});
