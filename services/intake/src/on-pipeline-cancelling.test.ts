import { expressionsHere } from '@vm-task/pipelines/expressions/fill';
import { silentLogger } from '@vm-task/service/log';
import type { Draft, Stored } from '@vm-task/shared/events';
import { expect, test } from 'vitest';
import { PipelineByHand } from '../test/pipelines-by-hand.ts';
import { config } from '../test/task-events.ts';
import { type CancellingDeps, onPipelineCancelling } from './on-pipeline-cancelling.ts';

const run = 'true';
const stages = { a: { run }, b: { run }, clean: { run, needs: ['a'], always: true } };

/** Handles the cancelling again, as after a redelivery: what it asks to end. */
async function askedToEnd(pipeline: PipelineByHand): Promise<string[]> {
  const asked: string[] = [];
  const created = (task: string) => ({ type: 'task.created', seq: 1, data: { task } }) as unknown as Stored;
  const deps = {
    config,
    bus: {
      head: async ({ task }: { task: string }) => created(task),
      append: async (draft: Draft) => {
        asked.push((draft.data as { task: string }).task);
        return { kind: 'stored', event: { ...draft, seq: 2 } };
      },
    },
    readPipeline: async () => pipeline.state,
    readDecisions: async () => [],
    expressions: expressionsHere,
  } as unknown as CancellingDeps;
  const event = pipeline.events.find(({ type }) => type === 'pipeline.cancelling') as Stored;
  const { signal } = new AbortController();
  await onPipelineCancelling(deps, { event, head: null, deliveries: 1, signal, log: silentLogger });
  return pipeline.started.filter(({ task }) => asked.includes(task)).map(({ stage }) => stage);
}

test('what runs is asked to end, but for stages that always run', async () => {
  const pipeline = await new PipelineByHand({ stages }).begin();
  await pipeline.end('a');
  expect(pipeline.live.map(({ stage }) => stage)).toEqual(['b', 'clean']);
  await pipeline.cancel();
  expect(await askedToEnd(pipeline)).toEqual(['b']);
});

test('a redelivery does not end what began after the cancelling', async () => {
  const pipeline = await new PipelineByHand({ stages }).begin();
  await pipeline.cancel();
  expect(await askedToEnd(pipeline)).toEqual(['a', 'b']);
  await pipeline.end('a', { outcome: 'cancelled' });
  expect(pipeline.live.map(({ stage }) => stage)).toEqual(['b', 'clean']);
  expect(await askedToEnd(pipeline)).toEqual(['b']);
});
