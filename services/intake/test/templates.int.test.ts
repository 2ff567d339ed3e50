import { findCreated } from '@vm-task/bus/find-task';
import { parseTaskId } from '@vm-task/shared/ids';
import { expect, test } from 'vitest';
import { type IntakeProcess, makeHome, startIntake, startIntakeBroker } from './intake-process.ts';

interface Answer {
  readonly id: string;
  readonly kind: string;
  readonly code: string;
  readonly detail: string;
  readonly version: number;
  readonly templates: readonly { name: string; version: number }[];
}

async function ask(intake: IntakeProcess, method: string, path: string, body?: object): Promise<[number, Answer]> {
  const response = await intake.ask(method, path, body === undefined ? {} : { body });
  return [response.status, (await response.json()) as Answer];
}

const greet = {
  name: 'greet',
  parameters: { who: { type: 'string' } },
  task: { inputs: { who: '${{ params.who }}' }, run: 'echo "$VM_TASK_INPUT_WHO"' },
};
const chain = {
  name: 'chain',
  parameters: { who: { type: 'string', default: '大家' } },
  stages: { one: { command: ['echo', '${{ params.who }}'], timeouts: { run: '5m' } } },
};

test('a template is installed once, listed, and run as a task or a pipeline with its parameters', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const install = async (file: object) => (await ask(intake, 'POST', '/v1/templates', file))[1].version;
  expect([await install(greet), await install(chain), await install(greet)]).toEqual([1, 1, 1]);
  expect(await install({ ...greet, description: '问候' })).toBe(2);
  const [, { templates }] = await ask(intake, 'GET', '/v1/templates');
  expect(templates.map(({ name, version }) => `${name} ${version}`)).toEqual(['chain 1', 'greet 2']);
  expect((await ask(intake, 'GET', '/v1/templates/greet@1'))[1]).toMatchObject({ kind: 'task', file: greet });

  const [status, task] = await ask(intake, 'POST', '/v1/templates/greet/run', { parameters: { who: '你好' } });
  expect([status, task.kind]).toEqual([202, 'task']);
  const created = await findCreated(broker.connection, parseTaskId(task.id));
  expect(created?.data.spec.inputs).toEqual({ who: '你好' });

  const [, pipeline] = await ask(intake, 'POST', '/v1/templates/chain/run', {});
  expect(pipeline.kind).toBe('pipeline');
  expect((await ask(intake, 'GET', `/v1/pipelines/${pipeline.id}`))[0]).toBe(200);
});

test('what cannot be a template, or lacks a parameter, is refused with a sentence', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  expect(await ask(intake, 'POST', '/v1/templates', { ...greet, task: { run: 'x', imag: 'y' } })).toMatchObject([
    400,
    { code: 'invalid-template', detail: expect.stringContaining('task.imag: unknown key; did you mean "image"') },
  ]);
  await ask(intake, 'POST', '/v1/templates', greet);
  expect(await ask(intake, 'POST', '/v1/templates/greet/run', {})).toMatchObject([
    400,
    { detail: 'parameters.who: is missing; it is a string' },
  ]);
  expect(await ask(intake, 'POST', '/v1/templates/greeet/run', {})).toMatchObject([
    404,
    { code: 'template-not-found' },
  ]);
});
