import type { Appended } from '@vm-task/bus/append';
import { expressionsHere } from '@vm-task/pipelines/expressions/fill';
import type { Draft, Stored } from '@vm-task/shared/events';
import { expect, test } from 'vitest';
import { PipelineByHand } from '../../test/pipelines-by-hand.ts';
import { config } from '../../test/task-events.ts';
import { advancePipeline } from './advance.ts';

test('a decision whose acknowledgement was lost is not decided on again', async () => {
  const { state } = new PipelineByHand({ stages: { a: { run: 'true' } } }, {});
  let reads = 0;
  const drafts: Draft[] = [];
  const deps = {
    config,
    expressions: expressionsHere,
    readPipeline: async () => {
      reads++;
      return state;
    },
    readOutput: () => Promise.reject(new Error('nothing is needed')),
    readMachine: () => Promise.reject(new Error('no VM is shared')),
    bus: {
      append: async (draft: Draft): Promise<Appended> => {
        drafts.push(draft);
        // As it is read back from the stream.
        return { kind: 'stored', event: structuredClone(draft) as unknown as Stored };
      },
    },
  };
  const { signal } = new AbortController();
  await advancePipeline(deps, state.pipeline, 0, () => (reads < 3 ? [] : 'known'), signal);
  expect(drafts).toHaveLength(1);
});
