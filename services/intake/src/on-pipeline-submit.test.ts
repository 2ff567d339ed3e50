import type { Handling } from '@vm-task/bus/bus';
import type { RawMessage } from '@vm-task/bus/envelope';
import { silentLogger } from '@vm-task/service/log';
import type { Stored } from '@vm-task/shared/events';
import { foldPipeline, type PipelineState } from '@vm-task/shared/pipelines/state';
import { expect, test } from 'vitest';
import { config } from '../test/task-events.ts';
import { onPipelineSubmit, type SubmitPipelineDeps } from './on-pipeline-submit.ts';

const deps: SubmitPipelineDeps = {
  bus: { features: { version: null } },
  config,
  admission: { refusal: async () => null },
  readPipeline: async () => null,
};

function command(submission: object, seq = 7): Handling<RawMessage> {
  const data = Buffer.from(JSON.stringify(submission));
  const event = { seq, subject: 'pipeline.submit', time: new Date(1_000_000), headers: undefined, data };
  return { event, head: null, deliveries: 1, signal: new AbortController().signal, log: silentLogger };
}

const pipeline = { stages: { a: { run: 'true' } } };

test('a redelivered command is the same pipeline, and another command is another one', async () => {
  const first = await onPipelineSubmit(deps, command({ pipeline }));
  expect(first).toMatchObject({ kind: 'done', expectedSeq: 0, event: { type: 'pipeline.created' } });
  expect(await onPipelineSubmit(deps, command({ pipeline }))).toEqual(first);
  expect(await onPipelineSubmit(deps, command({ pipeline }, 8))).not.toEqual(first);
});

test('a redelivery after success makes nothing, whatever the configuration is now', async () => {
  const first = await onPipelineSubmit(deps, command({ pipeline }));
  if (first.kind !== 'done' || first.event === null) throw new Error('not accepted');
  const created = { ...first.event, seq: 1, time: new Date() } as Stored<'pipeline.created'>;
  const readPipeline = async () => foldPipeline(null, created) as PipelineState;
  const without = { ...deps, config: { ...config, pools: {} }, readPipeline };
  expect(await onPipelineSubmit(without, command({ pipeline }))).toMatchObject({ kind: 'done', event: null });
});

test.each([
  [{ pipelin: pipeline }, /pipelin: unknown key; did you mean "pipeline"\?/],
  [{ pipeline: { stages: { a: { runn: 'x' } } } }, /stages\.a\.runn: unknown key; did you mean "run"\?/],
  [{ pipeline: { stages: { a: { run: 'x', stdin: '${{ x }}' } } } }, /stages\.a\.stdin: Unknown variable: x/],
  [{ pipeline, parameters: { x: 1 } }, /parameters\.x: there is no such parameter/],
])('%j is rejected with a sentence', async (submission, reason) => {
  const outcome = await onPipelineSubmit(deps, command(submission));
  expect(outcome).toMatchObject({ kind: 'reject', reason: expect.stringMatching(reason) });
});

test('without room the command waits in its stream', async () => {
  const full = { ...deps, admission: { refusal: async () => 'the disk is full' } };
  expect(await onPipelineSubmit(full, command({ pipeline }))).toMatchObject({
    kind: 'retry',
    reason: 'the disk is full',
  });
});

test('who may answer is written in a version that an older service does not read, and not before all read it', async () => {
  const asking = { stages: { may: { kind: 'approval', approvers: ['anna'] } } };
  await expect(onPipelineSubmit(deps, command({ pipeline: asking }))).rejects.toMatchObject({
    code: 'not-switched-on',
  });
  const on = { ...deps, bus: { features: { version: '0.2.0' } } };
  expect(await onPipelineSubmit(on, command({ pipeline: asking }))).toMatchObject({
    event: { data: { v: 2, spec: { stages: [{ answerers: { tokens: ['anna'], submitter: false } }] } } },
  });
  expect(await onPipelineSubmit(on, command({ pipeline }))).toMatchObject({ event: { data: { v: 1 } } });
});
