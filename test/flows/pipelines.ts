/** Pipelines in the system of `system.ts`: begun, waited for, and looked at as a whole. */

import { readOutput, readPipeline } from '@vm-task/bus/read-pipeline';
import { planPipeline } from '@vm-task/pipelines/planning/plan-pipeline';
import { parseConfig } from '@vm-task/service/config';
import { anyHost, type EventData, type Stored } from '@vm-task/shared/events';
import type { PipelineId } from '@vm-task/shared/ids';
import { newPipelineId } from '@vm-task/shared/new-ids';
import type { PipelineState } from '@vm-task/shared/pipelines/state';
import { eventually } from '@vm-task/testing/conditions';
import { eventAt } from '@vm-task/testing/stored';
import { expect } from 'vitest';
import type { System } from './system.ts';

/** A pipeline of VMs of the default pool, accepted. */
export async function beginPipeline(
  { broker: { bus } }: System,
  file: object,
  resumed: EventData<'pipeline.created'>['resumed'] = null,
): Promise<PipelineId> {
  const pipeline = newPipelineId(Date.now());
  const planned = planPipeline({ pipeline: file }, parseConfig('', 'test'));
  const cause = { kind: 'http' as const, id: 'test' };
  const data = { v: 1 as const, pipeline, ...planned, parameters: { ...planned.parameters }, cause, resumed };
  await bus.append({ type: 'pipeline.created', data, host: anyHost }, 0, AbortSignal.timeout(100_000));
  return pipeline;
}

/** The pipeline once it is over. */
export async function overOf({ broker: { connection } }: System, pipeline: PipelineId): Promise<PipelineState> {
  return eventually(
    async () => {
      const state = await readPipeline(connection, pipeline);
      return state?.phase.name === 'over' && state;
    },
    { what: 'the pipeline is over', limitMs: 100_000 },
  );
}

export async function resultOf(
  { broker }: System,
  { stages }: PipelineState,
  stage: string,
  index = 0,
): Promise<unknown> {
  const found = stages[stage];
  const run = found?.kind === 'begun' ? found.runs.find((one) => one.index === index) : undefined;
  if (run?.kind !== 'ended') throw new Error(`${stage} has not ended`);
  return (await readOutput(broker.connection, run)).result;
}

/** Every event there is, in order. */
export async function everything({ broker: { bus, connection } }: System): Promise<Stored[]> {
  const { state } = await connection.jsm.streams.info('EVENTS');
  const all = await Promise.all(Array.from({ length: state.last_seq }, (_, index) => eventAt(bus, index + 1)));
  return all.filter((event) => event !== null);
}

/** What holds of every pipeline, however it went: one end, one task for each run, one end for each task. */
export async function expectSound(system: System, pipeline: PipelineId): Promise<void> {
  const events = await everything(system);
  const own = events.filter(({ data }) => 'pipeline' in data && data.pipeline === pipeline);
  expect(own.filter(({ type }) => type === 'pipeline.completed')).toHaveLength(1);
  expect(own.at(-1)?.type).toBe('pipeline.completed');
  const created = events.filter((event) => event.type === 'task.created');
  const ofPipeline = created.filter(({ data }) => data.stage?.pipeline === pipeline);
  const started = own.flatMap((event) => (event.type === 'pipeline.advanced' ? event.data.start : []));
  const ids = (tasks: readonly { task: string }[]) => tasks.map(({ task }) => task).sort();
  expect(ids(ofPipeline.map(({ data }) => data))).toEqual(ids(started));
  for (const { task } of started) {
    expect(events.filter((event) => event.type === 'task.completed' && event.data.task === task)).toHaveLength(1);
  }
}
