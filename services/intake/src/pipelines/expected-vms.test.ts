import { expect, it } from 'vitest';
import { PipelineByHand } from '../../test/pipelines-by-hand.ts';

const run = 'true';
const begin = (stages: object) => new PipelineByHand({ stages }).begin();
const expectedBy = ({ started }: PipelineByHand, stage: string) =>
  started.filter((one) => one.stage === stage).map(({ spec }) => spec.expects?.map((vm) => vm.stage) ?? []);

it('a task tells of the VM of the stage that waits for nothing but its end', async () => {
  const resources = { memoryMiB: 256 };
  const pipeline = await begin({
    a: { run },
    b: { run, needs: ['a'], resources, egress: 'internet', inputs: { x: '${{ needs.a.result }}' } },
    c: { run, needs: ['b'] },
  });
  const [a] = pipeline.started;
  expect(a?.spec.expects).toEqual([
    {
      pipeline: pipeline.state.pipeline,
      stage: 'b',
      pool: 'default',
      image: 'python',
      size: a?.spec.size,
      egress: 'internet',
    },
  ]);
  await pipeline.end('a');
  expect(expectedBy(pipeline, 'b')).toEqual([['c']]);
  await pipeline.end('b');
  expect(expectedBy(pipeline, 'c')).toEqual([[]]);
});

it('of several needs all that run now tell of it, and none while one has not begun', async () => {
  const pipeline = await begin({
    a: { run },
    b: { run },
    late: { run, needs: ['b'] },
    both: { run, needs: ['a', 'b'] },
    all: { run, needs: ['a', 'late'] },
  });
  expect([expectedBy(pipeline, 'a'), expectedBy(pipeline, 'b')]).toEqual([[['both']], [['late', 'both']]]);
  await pipeline.end('b');
  expect(expectedBy(pipeline, 'late')).toEqual([['all']]);
});

it.each([
  ['may be left out', { if: '${{ true }}' }],
  ['runs for each of some items', { forEach: [1, 2] }],
  ['is for failures', { onFailure: true }],
  ['goes on in the VM of another', { vm: { of: 'a' } }],
  ['is a question', { kind: 'approval', run: undefined }],
  ['has a pool that is not known yet', { pool: '${{ needs.a.result }}' }],
])('no VM is made ready for a stage that %s', async (_what, keys) => {
  const pipeline = await begin({ a: { run }, b: { run, needs: ['a'], ...keys } });
  expect(expectedBy(pipeline, 'a')).toEqual([[]]);
});

it('nor for one that waits for a person as well', async () => {
  const pipeline = await begin({ a: { run }, ask: { kind: 'approval' }, b: { run, needs: ['a', 'ask'] } });
  expect(expectedBy(pipeline, 'a')).toEqual([[]]);
});
