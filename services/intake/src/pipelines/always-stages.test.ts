import { describe, expect, it } from 'vitest';
import { PipelineByHand } from '../../test/pipelines-by-hand.ts';
import { recordedOf } from './recorded.ts';

const run = 'true';
const begin = (file: object) => new PipelineByHand(file).begin();
const names = (runs: readonly { stage: string }[]) => runs.map(({ stage }) => stage);

describe('stages that always run', () => {
  const stages = {
    a: { run },
    b: { run, needs: ['a'] },
    clean: { run, needs: ['b'], always: true, inputs: { how: '${{ needs.b.outcome }}' } },
  };
  const inputsOf = ({ live: [only] }: PipelineByHand) => only?.spec.inputs;

  it('begin after success, and the pipeline has succeeded', async () => {
    const pipeline = await begin({ stages });
    await pipeline.end('a');
    await pipeline.end('b');
    expect(inputsOf(pipeline)).toEqual({ how: 'succeeded' });
    await pipeline.end('clean');
    expect(pipeline.completed).toMatchObject({ outcome: 'succeeded', error: null });
  });

  it.each(['stop', 'continue'])('begin after a failure, and the pipeline has failed: %s', async (failure) => {
    const pipeline = await begin({ failure, stages });
    await pipeline.end('a');
    await pipeline.end('b', { outcome: 'timed_out' });
    expect(inputsOf(pipeline)).toEqual({ how: 'failed' });
    await pipeline.end('clean');
    expect(pipeline.completed).toMatchObject({ outcome: 'failed', error: { message: expect.stringContaining('"b"') } });
  });

  it('begin when what they need was skipped, for a failure or its condition', async () => {
    const failed = await begin({ stages });
    await failed.end('a', { outcome: 'failed' });
    expect(inputsOf(failed)).toEqual({ how: 'skipped' });
    const left = await begin({ stages: { ...stages, b: { ...stages.b, if: '${{ false }}' } } });
    await left.end('a');
    expect(inputsOf(left)).toEqual({ how: 'skipped' });
    await left.end('clean');
    expect(left.completed?.outcome).toBe('succeeded');
  });

  it('run for each of their items after a failure', async () => {
    const pipeline = await begin({ stages: { ...stages, clean: { ...stages.clean, forEach: [1, 2] } } });
    await pipeline.end('a', { outcome: 'failed' });
    expect(names(pipeline.live)).toEqual(['clean', 'clean']);
  });

  it('that fail fail the pipeline', async () => {
    const pipeline = await begin({ stages });
    for (const stage of ['a', 'b']) await pipeline.end(stage);
    await pipeline.end('clean', { outcome: 'failed' });
    expect(pipeline.completed).toMatchObject({
      outcome: 'failed',
      error: { message: 'the stage "clean" has failed: clean failed' },
    });
  });

  it('are left out by their own condition only', async () => {
    const clean = { ...stages.clean, if: '${{ needs.b.outcome != "skipped" }}' };
    const pipeline = await begin({ stages: { ...stages, clean } });
    await pipeline.end('a', { outcome: 'failed' });
    expect(pipeline.skipped).toEqual({ b: 'needs', clean: 'condition' });
  });

  it('without needs come after all others, those for failures too', async () => {
    const pipeline = await begin({
      stages: { clean: { run, always: true }, a: { run }, tell: { run, onFailure: true } },
    });
    expect(names(pipeline.live)).toEqual(['a']);
    await pipeline.end('a', { outcome: 'failed' });
    expect(names(pipeline.live)).toEqual(['tell']);
    await pipeline.end('tell');
    expect(names(pipeline.live)).toEqual(['clean']);
  });

  it('begin after a cancelling once what they need has ended, and the outcome is cancelled', async () => {
    const pipeline = await begin({ stages });
    await pipeline.end('a');
    await pipeline.cancel();
    expect(names(pipeline.live)).toEqual(['b']);
    await pipeline.end('b', { outcome: 'cancelled' });
    expect(inputsOf(pipeline)).toEqual({ how: 'failed' });
    expect(pipeline.completed).toBeNull();
    await pipeline.end('clean');
    expect(pipeline.completed).toMatchObject({ outcome: 'cancelled', error: null });
  });

  it('run again in the resumed pipeline only when what they need does', async () => {
    const file = {
      stages: {
        a: { run },
        b: { run, needs: ['a'] },
        'after-a': { run, needs: ['a'], always: true },
        'after-b': { run, needs: ['b'], always: true },
        last: { run, needs: ['after-b'] },
      },
    };
    const first = await begin({ failure: 'continue', ...file });
    await first.end('a');
    await first.end('b', { outcome: 'failed' });
    for (const stage of ['after-a', 'after-b', 'last']) await first.end(stage);
    const recorded = { from: first.state.pipeline, ...recordedOf(first.state) };
    expect(names(recorded.ended)).toEqual(['a', 'after-a']);
    const second = await new PipelineByHand(file, {}, recorded).begin();
    expect(names(second.live)).toEqual(['b']);
    await second.end('b');
    expect(names(second.live)).toEqual(['after-b']);
  });
});
