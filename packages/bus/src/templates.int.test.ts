import { VmTaskError } from '@vm-task/shared/errors';
import type { TemplateFile } from '@vm-task/shared/templates/template-file';
import { startBroker } from '@vm-task/testing/broker';
import { expect, test } from 'vitest';
import { findTemplate, inspectTemplates, listTemplates, storeTemplate } from './templates.ts';

const now = new Date(0);
const template = (name: string, run: string): TemplateFile => ({ name, task: { run } });

test('a template that is altered is a new version; one that is not, is the version that is there', async () => {
  await using broker = await startBroker();
  const store = (name: string, run: string) => storeTemplate(broker.connection, template(name, run), now);
  expect((await store('greet', 'echo 你好')).version).toBe(1);
  expect((await store('greet', 'echo 你好')).version).toBe(1);
  const turned: TemplateFile = { task: { run: 'echo 你好' }, name: 'greet' };
  expect((await storeTemplate(broker.connection, turned, now)).version).toBe(1);
  expect((await store('greet', 'echo 2')).version).toBe(2);
  expect((await store('other', 'echo')).version).toBe(1);
  expect((await findTemplate(broker.connection, 'greet')).version).toBe(2);
  expect((await findTemplate(broker.connection, 'greet@1')).file).toEqual(template('greet', 'echo 你好'));
  const listed = (await listTemplates(broker.connection)).map(({ file, version }) => `${file.name} ${version}`);
  expect(listed).toEqual(['greet 2', 'other 1']);
});

test("a team's templates are its own, and of one name it has its own and not the shared one", async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const store = (name: string, run: string, team: string | null) =>
    storeTemplate(connection, template(name, run), now, team);
  await store('greet', 'shared', null);
  await store('greet', 'red', 'red');
  expect((await store('greet', 'red 2', 'red')).version).toBe(2);
  await store('only', 'red', 'red');
  const runOf = async (ref: string, team: string | null) =>
    ((await findTemplate(connection, ref, team)).file as unknown as { task: { run: string } }).task.run;
  expect([await runOf('greet', 'red'), await runOf('greet@1', 'red')]).toEqual(['red 2', 'red']);
  for (const team of ['blue', 're', null]) {
    expect(await runOf('greet', team)).toBe('shared');
    await expect(findTemplate(connection, 'only', team)).rejects.toThrow('known are greet');
    expect((await listTemplates(connection, team)).map(({ file }) => file.name)).toEqual(['greet']);
  }
  expect((await listTemplates(connection, 'red')).map(({ file }) => file.name)).toEqual(['greet', 'only']);
});

test('of those who install at the same time each has a version that holds what was theirs', async () => {
  await using broker = await startBroker();
  const runs = ['a', 'b', 'c', 'd'];
  const stored = await Promise.all(runs.map((run) => storeTemplate(broker.connection, template('greet', run), now)));
  expect(stored.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4]);
  for (const [at, { version }] of stored.entries()) {
    expect((await findTemplate(broker.connection, `greet@${version}`)).file).toEqual(template('greet', runs[at] ?? ''));
  }
});

test('a template that is not there is an error that says what is', async () => {
  await using broker = await startBroker();
  const find = (ref: string) => findTemplate(broker.connection, ref);
  await expect(find('greet')).rejects.toThrow(/there is no template "greet"; none is installed/);
  await storeTemplate(broker.connection, template('greet', 'x'), now);
  await expect(find('greeet')).rejects.toThrow(/did you mean "greet"/);
  await expect(find('greet@7')).rejects.toThrow(/its versions are 1/);
  await expect(find('a.b')).rejects.toMatchObject({ code: 'invalid-id' });
  await expect(find('*')).rejects.toMatchObject({ code: 'invalid-id' });
});

test('a template that was spoilt is reported, and the next version takes its place', async () => {
  await using broker = await startBroker();
  const { connection } = broker;
  const inspect = () =>
    inspectTemplates(connection, ({ name }) => {
      if (name === 'outdated') throw new VmTaskError('invalid-template', 'its pool has gone');
    });
  for (const name of ['greet', 'outdated', 'other']) await storeTemplate(connection, template(name, 'echo'), now);
  await connection.js.publish('$KV.templates.greet.1', '{"v": 1}');
  expect(await inspect()).toEqual([
    { ref: 'greet@1', problem: expect.stringMatching(/^what is stored is no template/) },
    { ref: 'other@1', problem: null },
    { ref: 'outdated@1', problem: 'its pool has gone' },
  ]);
  expect((await listTemplates(connection)).map(({ file }) => file.name)).toEqual(['other', 'outdated']);
  expect((await storeTemplate(connection, template('greet', 'echo'), now)).version).toBe(2);
  expect(await inspect()).toContainEqual({ ref: 'greet@2', problem: null });
});
