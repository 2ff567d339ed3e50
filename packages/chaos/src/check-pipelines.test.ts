import { anyHost, type Draft, type EventData, type Stored } from '@vm-task/shared/events';
import { Random } from '@vm-task/simulation/random';
import * as sample from '@vm-task/testing/sample-events';
import { describe, expect, it } from 'vitest';
import { checkPipelines } from './check-pipelines.ts';
import type { Evidence } from './evidence.ts';
import { pipelineName, planPipeline } from './planned-pipeline.ts';

const planned = planPipeline(Random.of(1, 'load'), 1);
const created = sample.pipelineCreated(sample.samplePipeline());
const { pipeline } = created.data;
const begun = { ...created, data: { ...created.data, spec: { ...created.data.spec, name: pipelineName(1) } } };
const [first, second, again] = [sample.sampleTask(), sample.sampleTask(), sample.sampleTask()];
const stageOf = (task: typeof first, stage: string) =>
  sample.created(task, { stage: { pipeline, stage, index: 0, run: 1 } });
const over = (outcome: EventData<'pipeline.completed'>['outcome']): Draft => ({
  type: 'pipeline.completed',
  data: { v: 1, pipeline, ended: [], expand: [], start: [], skip: [], fail: [], outcome, error: null },
  host: anyHost,
});
const firstRan = [stageOf(first, 'first'), sample.completed(first)];
const secondRan = [stageOf(second, 'second'), sample.completed(second)];

function checked(events: readonly Draft[], { ids = [pipeline as string], isCancelAsked = false } = {}) {
  const stored = events.map(
    (event, n) => ({ ...event, seq: n + 1, time: new Date(n), id: '', subject: '' }) as unknown as Stored,
  );
  const submission = { pipeline: planned, ids: new Set(ids), commandSeq: null, isCancelAsked };
  return checkPipelines({ pipelines: [submission], streams: { events: stored } } as unknown as Evidence);
}

const brokenIn = (...wanted: Parameters<typeof checked>) => checked(...wanted).broken.map(({ promise }) => promise);

describe('what was seen of a pipeline', () => {
  it('keeps every promise when all is well, and is counted', () => {
    expect(checked([begun, ...firstRan, ...secondRan, over('succeeded')])).toEqual({
      broken: [],
      accepted: 1,
      ended: 1,
      withoutOneEnd: 0,
      stagesTwice: 0,
    });
  });

  it('shows one that was accepted and is not there, and one that is two', () => {
    expect(brokenIn([])).toEqual(['nothing accepted is lost']);
    const other = sample.pipelineCreated(sample.samplePipeline());
    const twin = { ...other, data: { ...other.data, spec: begun.data.spec } };
    expect(brokenIn([begun, twin, ...firstRan, ...secondRan, over('succeeded')])).toContain('no task is made twice');
  });

  it('shows one that has no end, or two', () => {
    expect(checked([begun, ...firstRan, ...secondRan]).withoutOneEnd).toBe(1);
    const twice = checked([begun, ...firstRan, ...secondRan, over('succeeded'), over('failed')]);
    expect(twice.withoutOneEnd).toBe(1);
    expect(twice.broken.map(({ promise }) => promise)).toContain('nothing after the end');
  });

  it('shows a stage that ran twice, and one that began too early', () => {
    const twice = checked([begun, ...firstRan, ...secondRan, stageOf(again, 'second'), over('succeeded')]);
    expect(twice.stagesTwice).toBe(1);
    const early = [begun, ...secondRan, ...firstRan, over('succeeded')];
    expect(brokenIn(early)).toEqual(['stages in their order']);
  });

  it('shows an end that is not that of its stages, or a cancelling that nobody asked for', () => {
    expect(brokenIn([begun, ...firstRan, ...secondRan, over('failed')])).toEqual(['the right outcome']);
    expect(brokenIn([begun, ...firstRan, over('succeeded')])).toEqual(['the right outcome']);
    expect(brokenIn([begun, ...firstRan, over('cancelled')])).toEqual(['the right outcome']);
    expect(brokenIn([begun, ...firstRan, over('cancelled')], { isCancelAsked: true })).toEqual([]);
  });
});
