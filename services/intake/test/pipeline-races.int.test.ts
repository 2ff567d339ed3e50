/** Two intakes that were told the same change of one pipeline: whoever is late decides again, or has nothing to do. */

import type { Appended } from '@vm-task/bus/append';
import type { Handling } from '@vm-task/bus/bus';
import { findCreated } from '@vm-task/bus/find-task';
import { readMachine } from '@vm-task/bus/read-machine';
import { readOutput, readPipeline } from '@vm-task/bus/read-pipeline';
import { expressionsHere } from '@vm-task/pipelines/expressions/fill';
import { planPipeline } from '@vm-task/pipelines/planning/plan-pipeline';
import { silentLogger } from '@vm-task/service/log';
import { anyHost, type Stored } from '@vm-task/shared/events';
import { newPipelineId } from '@vm-task/shared/new-ids';
import type { TaskKey } from '@vm-task/shared/subjects';
import { type Broker, type BusConnection, startBroker } from '@vm-task/testing/broker';
import { eventAt } from '@vm-task/testing/stored';
import { expect, test } from 'vitest';
import { onPipelineAdvanced } from '../src/on-pipeline-advanced.ts';
import { onPipelineCreated } from '../src/on-pipeline-created.ts';
import { onTaskCompleted } from '../src/on-task-completed.ts';
import { rememberPipelines } from '../src/pipelines/pipeline-reader.ts';
import { completed, config } from './task-events.ts';

const { signal } = new AbortController();
const run = 'true';

/** What the handlers of one intake are given; it remembers states, as it does in a service. */
function intakeOn({ bus, connection }: BusConnection) {
  return {
    bus,
    config,
    expressions: expressionsHere,
    readPipeline: rememberPipelines((pipeline, known) => readPipeline(connection, pipeline, known)),
    readOutput: (needed: Parameters<typeof readOutput>[1]) => readOutput(connection, needed),
    readMachine: (run: TaskKey) => readMachine(connection, run),
    findCreated: (task: Parameters<typeof findCreated>[1]) => findCreated(connection, task),
  };
}

const given = (event: Stored): Handling<Stored> => ({ event, head: event, deliveries: 1, signal, log: silentLogger });

function stored(appended: Appended): Stored {
  if (appended.kind === 'stored') return appended.event;
  throw new Error('conflict');
}

async function create({ bus }: Broker, stages: object): Promise<Stored> {
  const planned = planPipeline({ pipeline: { stages } }, config);
  const pipeline = newPipelineId(Date.now());
  const cause = { kind: 'http' as const, id: 'test' };
  const data = { v: 1 as const, pipeline, spec: planned.spec, parameters: {}, cause, resumed: null };
  return stored(await bus.append({ type: 'pipeline.created', data, host: anyHost }, 0, signal));
}

async function eventsOf({ bus, connection }: Broker): Promise<Stored[]> {
  const { state } = await connection.jsm.streams.info('EVENTS');
  const all = await Promise.all(Array.from({ length: state.last_seq }, (_, n) => eventAt(bus, n + 1)));
  return all.filter((event) => event !== null);
}

const typesOf = (events: readonly Stored[]) => events.map(({ type }) => type);

test('the same beginning at two intakes is one decision, and each of its tasks is there once', async () => {
  await using broker = await startBroker();
  await using other = await broker.connect();
  const intakes = [intakeOn(broker), intakeOn(other)];
  const stages = { each: { run, forEach: [1, 2, 3] }, last: { run, needs: ['each'] } };
  const created = await create(broker, stages);
  await Promise.all(intakes.map((intake) => onPipelineCreated(intake, given(created))));
  const [, advanced, ...more] = await eventsOf(broker);
  expect([advanced?.type, more]).toEqual(['pipeline.advanced', []]);
  if (advanced === undefined) expect.fail('there is no decision');
  await Promise.all(intakes.map((intake) => onPipelineAdvanced(intake, given(advanced))));
  expect(typesOf(await eventsOf(broker))).toEqual([
    'pipeline.created',
    'pipeline.advanced',
    ...Array(3).fill('task.created'),
  ]);
});

/** A pipeline whose first decision is stored, with the tasks of it. */
async function begin(broker: Broker, intake: ReturnType<typeof intakeOn>, stages: object) {
  const created = await create(broker, stages);
  await onPipelineCreated(intake, given(created));
  const advanced = (await eventsOf(broker)).at(-1);
  if (advanced?.type !== 'pipeline.advanced') throw new Error('not begun');
  await onPipelineAdvanced(intake, given(advanced));
  return { created, advanced };
}

/** The ends of the tasks that a decision has started, stored. */
async function endAll({ bus }: Broker, { data: { start } }: Stored<'pipeline.advanced'>): Promise<Stored[]> {
  const ends: Stored[] = [];
  for (const { task } of start) {
    const head = await bus.head({ pool: 'default', task });
    ends.push(stored(await bus.append(completed(task, null), head?.seq ?? 0, signal)));
  }
  return ends;
}

test('ends that two intakes learn of at the same time are both recorded, and what follows begins once', async () => {
  await using broker = await startBroker();
  await using other = await broker.connect();
  const intakes = [intakeOn(broker), intakeOn(other)] as const;
  const stages = { a: { run }, b: { run }, last: { run, needs: ['a', 'b'] } };
  const { advanced } = await begin(broker, intakes[0], stages);
  const ends = await endAll(broker, advanced);
  await Promise.all(intakes.flatMap((intake) => ends.map((end) => onTaskCompleted(intake, given(end)))));
  const events = await eventsOf(broker);
  const decisions = events.filter((event) => event.type === 'pipeline.advanced').slice(1);
  expect(decisions.flatMap(({ data }) => data.ended.map(({ stage }) => stage)).sort()).toEqual(['a', 'b']);
  expect(decisions.flatMap(({ data }) => data.start.map(({ stage }) => stage))).toEqual(['last']);
});

test('a change that comes back after the end of its pipeline makes nothing again', async () => {
  await using broker = await startBroker();
  const intake = intakeOn(broker);
  const { created, advanced } = await begin(broker, intake, { only: { run } });
  const [end] = await endAll(broker, advanced);
  if (end === undefined) throw new Error('nothing has ended');
  await onTaskCompleted(intake, given(end));
  const before = typesOf(await eventsOf(broker));
  expect(before.at(-1)).toBe('pipeline.completed');
  await onPipelineCreated(intake, given(created));
  await onPipelineAdvanced(intake, given(advanced));
  await onTaskCompleted(intake, given(end));
  expect(typesOf(await eventsOf(broker))).toEqual(before);
});
