/** Tokens on a real broker, and two teams on one home; `two-teams.int.test.ts` has every route. */
import { type Client, createClient } from '@vm-task/client/client';
import { homeTokenName } from '@vm-task/shared/people';
import type { TokenRole } from '@vm-task/shared/token-roles';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker, token } from './intake-process.ts';

async function startSystem() {
  await using started = new AsyncDisposableStack();
  const broker = started.use(await startIntakeBroker());
  const folder = started.use(await makeHome(broker));
  const intake = started.use(await startIntake(folder.home));
  const as = (text: string) => createClient({ url: intake.url, token: text });
  const admin = as(token);
  const make = async (name: string, role: TokenRole, team?: string) =>
    (await admin.tokens.create({ name, role, team })).token;
  const all = started.move();
  return { broker, intake, admin, as, make, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

const refused = (code: string) => expect.objectContaining({ code });
const question = { name: 'ask', stages: { may: { kind: 'approval', description: 'may it?' } } };

test('a token works until it is revoked, and then its live streams end; nobody finds its text anywhere', async () => {
  await using system = await startSystem();
  const text = await system.make('ci', 'submitter');
  expect(text).toMatch(/^vmt_[\w-]{43}$/);
  const ci = system.as(text);
  expect(await ci.tokens.self()).toEqual({ name: 'ci', role: 'submitter', team: null, expiresAt: null });
  const task = await ci.tasks.submit({ run: 'true' });
  const url = new URL(`/v1/tasks/${task}/events`, system.intake.url);
  const headers = { authorization: `Bearer ${text}`, accept: 'text/event-stream' };
  const live = await fetch(url, { headers });
  expect(live.status).toBe(200);
  expect(await system.admin.tokens.revoke('ci')).toMatchObject({ status: 'revoked' });
  expect(await live.text()).not.toContain('event: end');
  await expect(ci.tasks.show(task)).rejects.toEqual(refused('unauthorized'));
  expect(await system.admin.tokens.revoke('ci')).toMatchObject({ status: 'revoked' });
  await expect(system.make('ci', 'admin')).rejects.toEqual(refused('token-exists'));
  await expect(system.make(homeTokenName, 'admin')).rejects.toEqual(refused('token-exists'));
  await expect(system.admin.tokens.revoke('nobody')).rejects.toEqual(refused('token-not-found'));
  const stored = await system.broker.connection.jsm.streams.getMessage('KV_tokens', { last_by_subj: '$KV.tokens.ci' });
  expect(stored?.string()).toContain('"hash"');
  expect(stored?.string()).not.toContain(text.slice(4));
});

test('a token that another intake revoked opens nothing here soon after', async () => {
  await using system = await startSystem();
  const text = await system.make('ci', 'viewer');
  const stored = await system.broker.connection.jsm.streams.getMessage('KV_tokens', { last_by_subj: '$KV.tokens.ci' });
  const record = { ...stored?.json<object>(), revokedAt: new Date().toISOString() };
  await system.broker.connection.js.publish('$KV.tokens.ci', JSON.stringify(record));
  const isOver = () =>
    system
      .as(text)
      .tokens.self()
      .then(
        () => false,
        ({ code }) => code === 'unauthorized',
      );
  await eventually(isOver, { what: 'the token is over' });
});

test('a submitter cancels, retries and resumes its own alone; an operator everything; and events say who it was', async () => {
  await using system = await startSystem();
  const [ci, other, ops] = await Promise.all([
    system.make('ci', 'submitter').then(system.as),
    system.make('other', 'submitter').then(system.as),
    system.make('ops', 'operator').then(system.as),
  ]);
  const [task, second] = [await ci.tasks.submit({ run: 'true' }), await ci.tasks.submit({ run: 'true' })];
  const pipeline = await ci.pipelines.submit({ pipeline: question });
  const asking = [other.tasks.cancel(task), other.tasks.retry(task), other.pipelines.cancel(pipeline)];
  await Promise.all(asking.map((one) => expect(one).rejects.toEqual(refused('forbidden'))));
  await ci.tasks.cancel(task);
  await ops.tasks.cancel(second);
  const stage = await eventually(async () => (await ci.pipelines.show(pipeline)).stages[0]?.runs[0]?.task?.id, {
    what: 'the stage waits',
  });
  await expect(ci.tasks.approve(stage, { by: 'anna' })).rejects.toEqual(refused('forbidden'));
  await ops.tasks.approve(stage, { by: 'anna' });
  const principals = async (id: string) => {
    const { events } = await ops.tasks.events(id);
    return events.map(({ type, data }) => [
      type,
      (data as { principal?: { kind: string; name: string } }).principal?.name,
    ]);
  };
  expect(await principals(second)).toEqual([
    ['task.created', 'ci'],
    ['task.cancelling', 'ops'],
  ]);
  expect(await principals(stage)).toEqual([
    ['task.created', 'ci'],
    ['task.completed', 'ops'],
  ]);
});

/** What a team has: one of each. */
async function fill(client: Client) {
  const task = await client.tasks.submit({ run: 'true', labels: { of: 'red' } }, 'nightly');
  const pipeline = await client.pipelines.submit({ pipeline: question }, 'nightly');
  const stage = await eventually(async () => (await client.pipelines.show(pipeline)).stages[0]?.runs[0]?.task?.id, {
    what: 'the stage waits',
  });
  const { name } = await client.templates.install({ name: 'red-only', task: { run: 'true' } });
  const { id: message } = await client.inbox.send({ to: 'anna', priority: 'normal', from: 'red', text: 'ours' });
  const { name: secret } = await client.secrets.set('red-key', 'hunter22');
  return { task, stage, pipeline, template: name, message, secret };
}

test('what a team lists and is counted is its own; what is without a team, tokens without one see, and all else', async () => {
  await using system = await startSystem();
  const [red, blue] = await Promise.all(
    ['red', 'blue'].map(async (team) => system.as(await system.make(team, 'admin', team))),
  );
  if (red === undefined || blue === undefined) throw new Error('two teams');
  const reds = await fill(red);
  const free = await system.admin.tasks.submit({ run: 'true' });
  await system.admin.templates.install({ name: 'everybodys', task: { run: 'true' } });
  const seen = async ({ tasks, pipelines, inbox, templates, pools }: Client) => ({
    tasks: (await tasks.list()).tasks.map(({ id }) => id).sort(),
    pipelines: (await pipelines.list()).pipelines.map(({ id }) => id),
    messages: (await inbox.list()).messages.map(({ id }) => id),
    templates: (await templates.list()).templates.map(({ name }) => name),
    queued: (await pools.list()).pools[0]?.tasks['queued'],
  });
  const { pipeline, message, task, stage } = reds;
  expect(await seen(red)).toEqual({
    tasks: [task, stage].sort(),
    pipelines: [pipeline],
    messages: [message],
    templates: ['everybodys', 'red-only'],
    queued: 1,
  });
  expect(await seen(blue)).toEqual({ tasks: [], pipelines: [], messages: [], templates: ['everybodys'], queued: 0 });
  const { tasks, messages } = await seen(system.admin);
  expect([tasks, messages]).toEqual([[task, stage, free].sort(), [message]]);
  // The same key is each team's own.
  const [ofBlue, again] = [
    await blue.tasks.submit({ run: 'false' }, 'nightly'),
    await system.admin.tasks.submit({ run: 'x' }, 'nightly'),
  ];
  expect(new Set([ofBlue, again, task]).size).toBe(3);
  await expect(blue.inbox.send({ to: task, priority: 'normal', from: 'x', text: 'x' })).rejects.toEqual(
    refused('task-not-found'),
  );
  // Whoever does it again for a team does it for that team.
  const retried = await system.admin.tasks.retry(task);
  expect((await red.tasks.show(retried)).id).toBe(retried);
});
