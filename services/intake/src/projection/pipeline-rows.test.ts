import type { DatabaseSync } from 'node:sqlite';
import { newTaskId } from '@vm-task/shared/new-ids';
import { noChanges } from '@vm-task/shared/pipelines/events';
import { chance } from '@vm-task/testing/chance';
import { pipelineAdvanced, pipelineCreated, samplePipeline } from '@vm-task/testing/sample-events';
import { describe, expect, it, test } from 'vitest';
import { memoryEvents } from '../../test/memory-events.ts';
import { PipelineByHand } from '../../test/pipelines-by-hand.ts';
import { openDatabase } from './open-database.ts';
import { findPipeline, stateOf } from './pipeline-row.ts';
import { createProjection, type Projection } from './projection.ts';

const open = () => createProjection(openDatabase(':memory:', { created: 'now', lastSeq: 1_000_000 }));

function stateIn({ db }: Projection, pipeline: string) {
  const row = findPipeline(db, pipeline);
  return row === null ? null : stateOf(db, row);
}

function fileOf(pick: (max: number) => number): object {
  const names = Array.from({ length: 1 + pick(5) }, (_, index) => `s${index}`);
  const stages = names.map((name, index) => {
    const needs = names.slice(0, index).filter(() => pick(3) === 0);
    const items = pick(2) === 0 ? { forEach: Array.from({ length: pick(5) }, (_, item) => item) } : {};
    return [name, { run: 'true', needs, ...items }];
  });
  return { failure: pick(2) === 0 ? 'stop' : 'continue', stages: Object.fromEntries(stages) };
}

describe('the rows of any pipeline', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'are the state that its events fold into: seed %i',
    async (seed) => {
      const pick = chance(seed);
      const pipeline = await new PipelineByHand(fileOf(pick)).begin();
      using projection = open();
      let applied = 0;
      const compare = () => {
        const events = pipeline.events.slice(applied);
        applied = pipeline.events.length;
        projection.advance(events.map((event) => ({ seq: event.seq, event })));
        expect(stateIn(projection, pipeline.state.pipeline)).toEqual(pipeline.state);
      };
      compare();
      while (pipeline.completed === null) {
        const run = pipeline.live[pick(pipeline.live.length)];
        if (run === undefined || pick(20) === 0) await pipeline.cancel();
        else await pipeline.end(run, { outcome: pick(4) === 0 ? 'failed' : 'succeeded' });
        compare();
      }
    },
  );
});

/** Counts the characters that are written from now on. */
function countWritten(db: DatabaseSync): () => number {
  let written = 0;
  const prepare = db.prepare.bind(db);
  db.prepare = (sql) => {
    const statement = prepare(sql);
    const run = statement.run.bind(statement) as (...values: unknown[]) => ReturnType<typeof statement.run>;
    statement.run = ((...values: unknown[]) => {
      written += values.reduce<number>((sum, value) => sum + String(value).length, 0);
      return run(...values);
    }) as typeof statement.run;
    return statement;
  };
  return () => written;
}

function writtenForOneEnd(items: number): number {
  const events = memoryEvents();
  const pipeline = samplePipeline();
  const tasks = Array.from({ length: items }, () => newTaskId(0));
  const runOf = (index: number) => ({ stage: 'first', index, task: tasks[index] ?? newTaskId(0), pool: 'default' });
  events.put(pipelineCreated(pipeline));
  events.put(pipelineAdvanced(pipeline, { expand: [{ stage: 'first', items: tasks }] }));
  for (const index of tasks.keys()) {
    events.put(pipelineAdvanced(pipeline, { start: [{ ...runOf(index), run: 1, spec: {} as never }] }));
  }
  const before = events.stored.length;
  const ended = { ...noChanges, ended: [{ ...runOf(0), outcome: 'succeeded' as const, error: null }] };
  events.put(pipelineAdvanced(pipeline, ended));
  using projection = open();
  const written = countWritten(projection.db);
  const steps = events.stored.map((event) => ({ seq: event.seq, event }));
  projection.advance(steps.slice(0, before));
  const soFar = written();
  projection.advance(steps.slice(before));
  expect(stateIn(projection, pipeline)?.stages['first']).toMatchObject({ runs: { length: items } });
  return written() - soFar;
}

test('an event of a pipeline with a thousand runs writes no more than one of a pipeline with ten', () => {
  expect(writtenForOneEnd(1_000)).toBeLessThan(writtenForOneEnd(10) + 20);
});
