import { stageStatusesOf } from '@vm-task/pipelines/decisions/next-steps';
import { describe, expect, it } from 'vitest';
import { type End, PipelineByHand } from '../../test/pipelines-by-hand.ts';
import { recordedOf } from './recorded.ts';

const run = 'true';
const begin = (file: object, parameters = {}) => new PipelineByHand(file, parameters).begin();
const names = (runs: readonly { stage: string; index: number }[]) => runs.map(({ stage }) => stage);

describe('stages', () => {
  it('begin once all that they need has succeeded, several at a time', async () => {
    const pipeline = await begin({
      stages: { a: { run }, b: { run, needs: ['a'] }, c: { run, needs: ['a'] }, d: { run, needs: ['b', 'c'] } },
    });
    expect(names(pipeline.live)).toEqual(['a']);
    await pipeline.end('a');
    expect(names(pipeline.live)).toEqual(['b', 'c']);
    await pipeline.end('c');
    expect(names(pipeline.live)).toEqual(['b']);
    await pipeline.end('b');
    expect(names(pipeline.live)).toEqual(['d']);
    await pipeline.end('d');
    expect(pipeline.completed).toMatchObject({ outcome: 'succeeded', error: null });
  });

  it('are given what those left behind that they need, in expressions and as it is', async () => {
    const pipeline = await begin(
      {
        parameters: { limit: { type: 'integer' } },
        stages: {
          find: { run },
          use: {
            run,
            needs: ['find'],
            inputs: {
              first: '${{ needs.find.result.domains[0] }}',
              text: 'of ${{ needs.find.result.count }} take ${{ params.limit + 1 }}: ${{ needs.find.result.domains }}',
            },
          },
        },
      },
      { limit: 2 },
    );
    const result = { domains: ['垃圾.example', 'b'], count: 7 };
    await pipeline.end('find', { result });
    const [use] = pipeline.live;
    expect(use?.spec.inputs).toEqual({ first: '垃圾.example', text: 'of 7 take 3: ["垃圾.example","b"]' });
    expect(use?.spec.needs).toMatchObject({
      find: { outcome: 'succeeded', perItem: false, runs: [{ index: 0, output: { result } }] },
    });
  });

  it('run once for each item, and those that need them get all results in the order of the items', async () => {
    const pipeline = await begin({
      stages: {
        list: { run },
        each: {
          run,
          needs: ['list'],
          forEach: '${{ needs.list.result }}',
          inputs: { item: '${{ item }}', at: '${{ index }}' },
        },
        sum: { run, needs: ['each'], inputs: { all: '${{ needs.each.results }}' } },
      },
    });
    await pipeline.end('list', { result: ['x', 'y', 'z'] });
    const runs = pipeline.live;
    expect(runs.map(({ spec }) => spec.inputs)).toEqual([
      { item: 'x', at: 0 },
      { item: 'y', at: 1 },
      { item: 'z', at: 2 },
    ]);
    for (const each of runs.toReversed()) await pipeline.end(each, { result: `${each.index}!` });
    expect(pipeline.live[0]?.spec.inputs).toEqual({ all: ['0!', '1!', '2!'] });
  });

  it('for no items have succeeded at once', async () => {
    const pipeline = await begin({ stages: { a: { run, forEach: [] }, b: { run, needs: ['a'] } } });
    expect(names(pipeline.live)).toEqual(['b']);
  });

  it('are left out with all that needs them when their condition does not hold', async () => {
    const pipeline = await begin({
      stages: {
        a: { run },
        b: { run, needs: ['a'], if: '${{ needs.a.result == "yes" }}' },
        c: { run, needs: ['b'] },
        d: { run, needs: ['a'], if: '${{ needs.a.result == "no" }}' },
      },
    });
    await pipeline.end('a', { result: 'no' });
    expect(names(pipeline.live)).toEqual(['d']);
    expect(pipeline.skipped).toEqual({ b: 'condition', c: 'needs' });
    await pipeline.end('d');
    expect(pipeline.completed?.outcome).toBe('succeeded');
  });

  it('with more to start than one event may hold begin the rest after the next end', async () => {
    const stdin = 'x'.repeat(1_500_000);
    const pipeline = await begin({ stages: { a: { run, stdin, forEach: [1, 2, 3, 4, 5] } } });
    expect(pipeline.live).toHaveLength(2);
    await pipeline.end('a');
    expect(pipeline.live).toHaveLength(3);
    while (pipeline.live.length > 0) await pipeline.end('a');
    expect(pipeline.started.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    expect(pipeline.completed?.outcome).toBe('succeeded');
  });
});

describe('what has no value', () => {
  it.each([
    [
      'a field that is not there',
      { inputs: { x: '${{ needs.a.result.nope }}' } },
      /^expression-failed: inputs\.x: .*No such key: nope/,
    ],
    ['a value that does not fit', { env: { X: '${{ needs.a.result }}' } }, /^invalid-task: env\.X: /],
    [
      'a condition that is none',
      { if: '${{ needs.a.result }}' },
      /^expression-failed: if: it gives \{"n":1\}, not a boolean/,
    ],
    [
      'items that are no list',
      { forEach: '${{ needs.a.result }}' },
      /^expression-failed: forEach: it gives \{"n":1\}, not a list/,
    ],
    ['too many items', { forEach: '${{ "x".split("").map(i, i) + needs.a.result.more }}' }, /No such key/],
    ['a pool that there is not', { pool: '${{ string(needs.a.result.n) }}' }, /^pool-not-found: /],
  ])('fails the stage: %s', async (_what, keys, reason) => {
    const pipeline = await begin({ stages: { a: { run }, b: { run, needs: ['a'], ...keys } } });
    await pipeline.end('a', { result: { n: 1 } });
    expect(pipeline.failed['b']).toMatch(reason);
    expect(pipeline.completed).toMatchObject({ outcome: 'failed', error: { code: 'stage-failed' } });
  });

  it('fails the stage: more items than it may have, with the limit', async () => {
    const pipeline = await begin({
      stages: { a: { run }, b: { run, needs: ['a'], forEach: '${{ needs.a.result }}' } },
    });
    await pipeline.end('a', { result: Array.from({ length: 257 }, (_, n) => n) });
    expect(pipeline.failed['b']).toMatch(/^too-many-items: forEach: 257 items; a stage may run for 256\. /);
  });
});

describe('after a failure', () => {
  const stages = {
    a: { run },
    b: { run, needs: ['a'] },
    c: { run },
    d: { run, needs: ['c'] },
    tell: { run, onFailure: true, inputs: { error: '${{ needs.a.error.message }}' } },
    mend: { run, onFailure: true, needs: ['c'] },
  };

  it('nothing more begins but what is for failures, and what runs is let run', async () => {
    const pipeline = await begin({ stages });
    await pipeline.end('a', { outcome: 'failed' });
    expect(names(pipeline.live)).toEqual(['c']);
    expect(pipeline.skipped).toEqual({ b: 'needs', d: 'stopped' });
    await pipeline.end('c');
    expect(names(pipeline.live)).toEqual(['tell']);
    expect(pipeline.live[0]?.spec.inputs).toEqual({ error: 'a failed' });
    expect(pipeline.skipped).toMatchObject({ mend: 'not-needed' });
    await pipeline.end('tell');
    expect(pipeline.completed).toMatchObject({
      outcome: 'failed',
      error: { message: 'the stage "a" has failed: a failed' },
    });
  });

  it('of a kind that is not known here, the stage has failed, and who is for failures is told as it is', async () => {
    const pipeline = await begin({
      stages: {
        a: { run },
        tell: { run, onFailure: true, needs: ['a'], inputs: { why: '${{ needs.a.error.code }}' } },
      },
    });
    const error = { code: 'melted', message: 'the host melted' };
    await pipeline.end('a', { outcome: 'evaporated', error } as unknown as End);
    const [told] = pipeline.live;
    expect(told).toMatchObject({
      stage: 'tell',
      spec: {
        inputs: { why: 'melted' },
        needs: { a: { outcome: 'failed', runs: [{ outcome: 'evaporated', error }] } },
      },
    });
    await pipeline.end('tell');
    expect(pipeline.completed).toMatchObject({ outcome: 'failed', error: { code: 'stage-failed' } });
  });

  it('what does not need it goes on where the policy says so', async () => {
    const pipeline = await begin({ failure: 'continue', stages });
    await pipeline.end('a', { outcome: 'timed_out' });
    await pipeline.end('c');
    expect(names(pipeline.live)).toEqual(['d']);
    await pipeline.end('d');
    await pipeline.end('tell');
    expect(pipeline.completed?.outcome).toBe('failed');
  });

  it('stages for failures are left out when there was none', async () => {
    const pipeline = await begin({ stages });
    for (const stage of ['a', 'c', 'b', 'd']) await pipeline.end(stage);
    expect(pipeline.skipped).toEqual({ tell: 'not-needed', mend: 'not-needed' });
    expect(pipeline.completed?.outcome).toBe('succeeded');
  });
});

describe('a pipeline that is being cancelled', () => {
  it('begins nothing, and is over when what runs has ended', async () => {
    const pipeline = await begin({ stages: { a: { run }, b: { run, needs: ['a'] } } });
    await pipeline.cancel();
    expect(pipeline.completed).toBeNull();
    await pipeline.end('a');
    expect(pipeline.completed).toMatchObject({ outcome: 'cancelled', ended: [{ stage: 'a', outcome: 'succeeded' }] });
  });
});

describe('a resumed pipeline', () => {
  it('runs the failed stage and what needs it, with the results of the others', async () => {
    const file = {
      stages: {
        a: { run },
        b: { run, needs: ['a'], inputs: { x: '${{ needs.a.result }}' } },
        c: { run, needs: ['b'] },
        skipped: { run, needs: ['a'], if: '${{ false }}' },
      },
    };
    const first = await begin(file);
    await first.end('a', { result: 'of a' });
    await first.end('b', { outcome: 'failed' });
    expect(first.completed?.outcome).toBe('failed');
    const recorded = { from: first.state.pipeline, ...recordedOf(first.state) };
    const second = await new PipelineByHand(file, {}, recorded).begin();
    expect(second.state.resumedFrom).toBe(first.state.pipeline);
    expect(names(second.live)).toEqual(['b']);
    expect(second.live[0]?.spec.needs?.['a']?.runs[0]?.task).toBe(first.started[0]?.task);
    expect(second.live[0]?.task).not.toBe(first.started[1]?.task);
    await second.end('b');
    await second.end('c');
    expect(second.completed?.outcome).toBe('succeeded');
    expect(stageStatusesOf(second.state)['skipped']).toBe('skipped');
  });

  it('runs only those items again that had not succeeded, for the same items', async () => {
    const file = {
      stages: {
        list: { run },
        each: { run, needs: ['list'], forEach: '${{ needs.list.result }}', inputs: { item: '${{ item }}' } },
      },
    };
    const first = await begin(file);
    await first.end('list', { result: ['x', 'y', 'z'] });
    for (const each of first.live) await first.end(each, each.index === 1 ? { outcome: 'failed' } : {});
    const recorded = { from: first.state.pipeline, ...recordedOf(first.state) };
    const second = await new PipelineByHand(file, {}, recorded).begin();
    expect(second.live.map(({ index, spec }) => [index, spec.inputs])).toEqual([[1, { item: 'y' }]]);
  });
});
