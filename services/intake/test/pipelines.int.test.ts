import type { PipelineView } from '@vm-task/api/pipelines';
import type { Stored } from '@vm-task/shared/events';
import type { TaskId } from '@vm-task/shared/ids';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { startBrokerWithRights } from './broker-with-rights.ts';
import { type IntakeProcess, makeHome, startIntake } from './intake-process.ts';
import { completed } from './task-events.ts';

const { signal } = new AbortController();
const run = 'true';
const twoStages = { stages: { first: { run }, second: { run, needs: ['first'] } } };

async function submit(intake: IntakeProcess, path: string, key: string, body?: object): Promise<Response> {
  return intake.ask('POST', path, { ...(body === undefined ? {} : { body }), headers: { 'idempotency-key': key } });
}

async function accepted(response: Response): Promise<string> {
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

async function problem(response: Response): Promise<readonly [number, string]> {
  return [response.status, ((await response.json()) as { code: string }).code];
}

async function show(intake: IntakeProcess, id: string): Promise<PipelineView> {
  return (await (await intake.ask('GET', `/v1/pipelines/${id}`)).json()) as PipelineView;
}

/** The task of a stage, once it is there. */
function taskOf(intake: IntakeProcess, id: string, stage: string): Promise<TaskId> {
  const find = async () => {
    const { stages } = await show(intake, id);
    return stages.find(({ name }) => name === stage)?.runs[0]?.task?.id as TaskId | undefined;
  };
  return eventually(find, { what: `the stage ${stage} has its task` });
}

async function end({ bus }: Broker, task: TaskId, outcome: 'succeeded' | 'failed'): Promise<void> {
  const head = await bus.head({ pool: 'default', task });
  await bus.append({ type: 'task.completed', data: completed(task, null, { outcome }) }, head?.seq ?? 0, signal);
}

function over(intake: IntakeProcess, id: string): Promise<PipelineView> {
  const find = async () => {
    const view = await show(intake, id);
    return view.status === 'completed' && view;
  };
  return eventually(find, { what: 'the pipeline is over' });
}

async function countOf({ connection: { jsm } }: Broker, pattern: string): Promise<number> {
  const { state } = await jsm.streams.info('EVENTS', { subjects_filter: pattern });
  return Object.keys(state.subjects ?? {}).length;
}

test('with the rights of its own user intake takes a pipeline from stage to stage, resumes it and cancels it', async () => {
  await using broker = await startBrokerWithRights();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const id = await accepted(await intake.ask('POST', '/v1/pipelines', { body: { pipeline: twoStages } }));
  await end(broker, await taskOf(intake, id, 'first'), 'succeeded');
  await end(broker, await taskOf(intake, id, 'second'), 'failed');
  expect(await over(intake, id)).toMatchObject({ outcome: 'failed', error: { code: 'stage-failed' } });

  const resumed = await accepted(await intake.ask('POST', `/v1/pipelines/${id}/resume`));
  const second = await taskOf(intake, resumed, 'second');
  const { stages } = await show(intake, resumed);
  expect(stages.map(({ name, standing, runs }) => [name, standing, runs[0]?.recorded])).toEqual([
    ['first', 'succeeded', true],
    ['second', 'running', false],
  ]);
  expect((await intake.ask('DELETE', `/v1/pipelines/${resumed}`)).status).toBe(202);
  const isAsked = async () => (await broker.bus.head({ pool: 'default', task: second }))?.type === 'task.cancelling';
  await eventually(isAsked, { what: 'its task is asked to end' });
  await end(broker, second, 'succeeded');
  expect(await over(intake, resumed)).toMatchObject({ outcome: 'cancelled' });
  expect(await problem(await intake.ask('DELETE', `/v1/pipelines/${resumed}`))).toEqual([409, 'pipeline-already-over']);
});

test('a pipeline that is submitted, or resumed, several times with one key is one pipeline', async () => {
  await using broker = await startBrokerWithRights();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const pipeline = { stages: { only: { run } } };
  const once = () => submit(intake, '/v1/pipelines', 'order-66', { pipeline });
  const ids = await Promise.all((await Promise.all([once(), once(), once()])).map(accepted));
  expect(new Set(ids).size).toBe(1);
  const [id = ''] = ids;
  expect(await problem(await submit(intake, '/v1/pipelines', 'order-66', { pipeline: twoStages }))).toEqual([
    409,
    'idempotency-conflict',
  ]);
  // The same key for a task stands for that task.
  await accepted(await submit(intake, '/v1/tasks', 'order-66', { run }));

  await end(broker, await taskOf(intake, id, 'only'), 'failed');
  await over(intake, id);
  expect(await accepted(await once())).toBe(id);
  const again = () => submit(intake, `/v1/pipelines/${id}/resume`, 'again');
  const resumed = await Promise.all((await Promise.all([again(), again()])).map(accepted));
  expect(new Set(resumed).size).toBe(1);
  expect(await countOf(broker, 'pipeline.created.>')).toBe(2);
});

test('an event of a pipeline that cannot be read ends it with that reason, tells people, and holds up no other', async () => {
  await using broker = await startBrokerWithRights();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const begin = async () => accepted(await intake.ask('POST', '/v1/pipelines', { body: { pipeline: twoStages } }));
  const id = await begin();
  const first = await taskOf(intake, id, 'first');
  await broker.connection.js.publish(`pipeline.advanced.${id}`, '{"v":99}');
  expect(await over(intake, id)).toMatchObject({ outcome: 'failed', error: { code: 'unreadable-event' } });
  await eventually(async () => (await countOf(broker, 'alert.raised.warning.dead-letter.>')) > 0, { what: 'an alert' });

  // What still runs may end; nobody can say what should follow from it.
  await end(broker, first, 'succeeded');
  expect(await problem(await intake.ask('POST', `/v1/pipelines/${id}/resume`))).toEqual([500, 'unreadable-event']);
  const other = await begin();
  for (const stage of ['first', 'second']) await end(broker, await taskOf(intake, other, stage), 'succeeded');
  expect(await over(intake, other)).toMatchObject({ outcome: 'succeeded' });
  const events = await eventsOf(broker);
  expect(events.filter(({ type }) => type === 'pipeline.completed')).toHaveLength(2);
});

async function eventsOf({ bus, connection }: Broker): Promise<Stored[]> {
  const { state } = await connection.jsm.streams.info('EVENTS');
  const all = await Promise.all(Array.from({ length: state.last_seq }, (_, n) => bus.eventAt(n + 1).catch(() => null)));
  return all.filter((event) => event !== null);
}
