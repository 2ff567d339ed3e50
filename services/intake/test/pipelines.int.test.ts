import type { PipelineView } from '@vm-task/api/pipelines';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import type { Broker } from '@vm-task/testing/broker';
import { eventually } from '@vm-task/testing/conditions';
import { storeNewer } from '@vm-task/testing/newer-events';
import { pipelineAdvanced, vmReady } from '@vm-task/testing/sample-events';
import { expect, test } from 'vitest';
import { type IntakeProcess, makeHome, startIntake, startIntakeBroker } from './intake-process.ts';
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
  await bus.append(completed(task, null, { outcome }), head?.seq ?? 0, signal);
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
  await using broker = await startIntakeBroker();
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
  await using broker = await startIntakeBroker();
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

/** What was reported to people, and how often. */
async function alertsOf({ connection: { jsm } }: Broker): Promise<Record<string, number>> {
  const { state } = await jsm.streams.info('EVENTS', { subjects_filter: 'alert.raised.>' });
  return state.subjects ?? {};
}

async function runToEnd(broker: Broker, intake: IntakeProcess, id: string): Promise<PipelineView> {
  for (const stage of ['first', 'second']) await end(broker, await taskOf(intake, id, stage), 'succeeded');
  return over(intake, id);
}

test('behind an event of a newer version nobody decides: people are told once, and no other pipeline waits for it', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const begin = async () => accepted(await intake.ask('POST', '/v1/pipelines', { body: { pipeline: twoStages } }));
  const pipeline = (await begin()) as PipelineId;
  const first = await taskOf(intake, pipeline, 'first');
  const head = await broker.bus.head({ pipeline });
  const seq = await storeNewer(broker.connection, pipelineAdvanced(pipeline), head?.seq ?? 0);
  await end(broker, first, 'succeeded');
  expect(await runToEnd(broker, intake, await begin())).toMatchObject({ outcome: 'succeeded' });
  expect(await broker.bus.head({ pipeline })).toMatchObject({ type: 'unknown', said: 'pipeline.advanced', seq });
  expect(await problem(await intake.ask('POST', `/v1/pipelines/${pipeline}/resume`))).toEqual([503, 'newer-event']);
  expect(await alertsOf(broker)).toEqual({ 'alert.raised.warning.newer-event.pipeline-advanced.any': 1 });
});

test('what carries no envelope of ours changes nothing of a pipeline, and is reported once', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const { js } = broker.connection;
  const id = await accepted(await intake.ask('POST', '/v1/pipelines', { body: { pipeline: twoStages } }));
  for (const type of ['advanced', 'cancelling', 'completed']) await js.publish(`pipeline.${type}.${id}`, '{"v":1}');
  expect(await runToEnd(broker, intake, id)).toMatchObject({ outcome: 'succeeded' });
  expect(await alertsOf(broker)).toEqual({ 'alert.raised.warning.foreign-message.any.any': 1 });
});

test('an end by a host that may not speak for the task changes nothing in its pipeline', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const id = await accepted(await intake.ask('POST', '/v1/pipelines', { body: { pipeline: twoStages } }));
  const task = await taskOf(intake, id, 'first');
  const key = { pool: 'default', task };
  const created = await broker.bus.head(key);
  const ready = await broker.bus.append(vmReady(task), created?.seq ?? 0, signal);
  const seq = ready.kind === 'stored' ? ready.event.seq : 0;
  const forged = await broker.bus.append(completed(task, null, { outcome: 'failed' }, 'host-2'), seq, signal);
  expect(forged.kind).toBe('stored');
  expect(await broker.bus.head(key)).toMatchObject({ type: 'vm.ready', seq });
  expect(await runToEnd(broker, intake, id)).toMatchObject({ outcome: 'succeeded' });
});
