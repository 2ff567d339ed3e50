import { stageStatusesOf } from '@vm-task/pipelines/decisions/next-steps';
import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import { chance } from '@vm-task/testing/chance';
import { runSeed } from '@vm-task/testing/seed';
import { describe, expect, it } from 'vitest';
import { PipelineByHand } from '../../test/pipelines-by-hand.ts';

function randomFile(pick: (max: number) => number): object {
  const names = Array.from({ length: 1 + pick(7) }, (_, index) => `s${index}`);
  const stages = names.map((name, index) => {
    const needs = names.slice(0, index).filter(() => pick(3) === 0);
    const items = pick(4) === 0 ? { forEach: Array.from({ length: pick(4) }, (_, item) => item) } : {};
    const condition = pick(6) === 0 ? { if: '${{ false }}' } : {};
    const always = pick(5) === 0 ? { always: true } : {};
    return [name, { run: 'true', needs, ...items, ...condition, ...always }];
  });
  const rescue = pick(2) === 0 ? { rescue: { run: 'true', onFailure: true } } : {};
  return { failure: pick(2) === 0 ? 'stop' : 'continue', stages: { ...Object.fromEntries(stages), ...rescue } };
}

/** Ends what runs, in an order of chance, each end twice; now and then it is cancelled. */
async function runToTheEnd(pipeline: PipelineByHand, pick: (max: number) => number): Promise<void> {
  const ended: (typeof pipeline.live)[number][] = [];
  while (pipeline.completed === null) {
    const { live } = pipeline;
    const run = live[pick(Math.max(1, live.length))];
    if (run === undefined) throw new Error('nothing runs, and it is not over');
    if (pick(40) === 0 && pipeline.state.phase.name === 'running') await pipeline.cancel();
    await pipeline.end(run, { outcome: pick(5) === 0 ? 'failed' : 'succeeded' });
    ended.push(run);
    const before = pipeline.events.length;
    await pipeline.end(ended[pick(ended.length)] ?? run);
    expect(pipeline.events).toHaveLength(before);
  }
}

const isUsual = ({ onFailure, always }: StageSpec): boolean => !onFailure && always !== true;

function expectSound({ state, started, live, completed }: PipelineByHand): void {
  expect(live).toEqual([]);
  expect(new Set(started.map(({ task }) => task)).size).toBe(started.length);
  const stageStatuses = stageStatusesOf(state);
  const ran = new Set(started.map(({ stage }) => stage));
  for (const { name, needs } of state.spec.stages.filter((stage) => ran.has(stage.name) && isUsual(stage))) {
    expect([name, ...needs.map((need) => stageStatuses[need])]).toEqual([name, ...needs.map(() => 'succeeded')]);
  }
  // One that always runs is left out by its own condition only.
  for (const { name, if: condition } of state.spec.stages.filter(({ always }) => always)) {
    const stage = state.stages[name];
    expect(stage?.kind === 'skipped' ? stage.reason : stage?.kind).toBe(condition === null ? 'begun' : 'condition');
  }
  const all = Object.values(stageStatuses);
  expect(all.filter((status) => status === 'waiting' || status === 'running')).toEqual([]);
  const outcome = all.includes('failed') ? 'failed' : 'succeeded';
  expect([outcome, 'cancelled']).toContain(completed?.outcome);
}

describe('any pipeline, whatever ends in whatever order, twice or cancelled', () => {
  const from = runSeed('random pipelines');

  it.each(Array.from({ length: 150 }, (_, index) => from + index))(
    'is over once, and began only what might begin: seed %i',
    async (seed) => {
      const pick = chance(seed);
      const pipeline = await new PipelineByHand(randomFile(pick)).begin();
      await runToTheEnd(pipeline, pick);
      expectSound(pipeline);
    },
  );
});
