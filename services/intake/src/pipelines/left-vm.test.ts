import { isWanted, runThatWants } from '@vm-task/pipelines/decisions/kept-vms';
import { describe, expect, it } from 'vitest';
import { memoryEvents } from '../../test/memory-events.ts';
import { PipelineByHand } from '../../test/pipelines-by-hand.ts';
import { createTasks } from './create-tasks.ts';
import { recordedOf } from './recorded.ts';

const run = 'true';
const begin = (file: object) => new PipelineByHand(file).begin();
const names = (runs: readonly { stage: string }[]) => runs.map(({ stage }) => stage);

describe('stages in one VM', () => {
  const stages = {
    build: { run, resources: { memoryMiB: 512 } },
    ask: { run, needs: ['build'] },
    test: { run, needs: ['ask'], vm: { of: 'build' } },
    report: { run, needs: ['test'], vm: { of: 'test' } },
  };

  it('leave it to one another, and the last one to nobody', async () => {
    const pipeline = await begin({ stages });
    for (const name of ['build', 'ask', 'test', 'report']) await pipeline.end(name);
    const [build, ask, test, report] = pipeline.started.map(({ pool, spec }) => ({ pool, ...spec }));
    const id = pipeline.state.pipeline;
    expect([build?.keep, ask?.keep, test?.keep, report?.keep]).toEqual([
      { pipeline: id, stage: 'build' },
      undefined,
      { pipeline: id, stage: 'test' },
      undefined,
    ]);
    const [buildTask, , testTask] = pipeline.started.map(({ task }) => task);
    const vm = `vm-${buildTask}`;
    expect([build?.leftVm, ask?.leftVm]).toEqual([undefined, undefined]);
    expect(test?.leftVm).toEqual({ vm, host: 'host-1', task: buildTask, stage: 'build' });
    expect(report?.leftVm).toEqual({ vm, host: 'host-1', task: testTask, stage: 'test' });
    expect(test).toMatchObject({
      pool: 'default',
      image: 'python@3.2.0',
      size: build?.size,
      retry: { maxAttempts: 1 },
    });
  });

  it('are created for the host that has it, and others for any', async () => {
    const pipeline = await begin({ stages });
    for (const name of ['build', 'ask', 'test', 'report']) await pipeline.end(name);
    const events = memoryEvents();
    await createTasks(events, pipeline.state, pipeline.started, new AbortController().signal);
    expect(events.stored.map(({ host }) => host)).toEqual(['any', 'any', 'host-1', 'host-1']);
  });

  it('want it until the last of them has begun, and no longer than the pipeline lives', async () => {
    const pipeline = await begin({ stages });
    const wanted = (stage: string) => isWanted(pipeline.state, { pipeline: pipeline.state.pipeline, stage });
    await pipeline.end('build');
    await pipeline.end('ask');
    expect([wanted('build'), wanted('test'), wanted('report')]).toEqual([true, true, false]);
    const keep = { pipeline: pipeline.state.pipeline, stage: 'build' };
    expect(runThatWants(pipeline.state, keep)?.task).toBe(pipeline.live[0]?.task);
    await pipeline.end('test', { outcome: 'failed' });
    expect([wanted('build'), wanted('test')]).toEqual([false, false]);
    expect(isWanted(null, keep)).toBe(false);
  });

  it('run again together when the pipeline is resumed, with what comes between them', async () => {
    const first = await begin({ stages });
    await first.end('build');
    await first.end('ask');
    await first.end('test', { outcome: 'failed' });
    const recorded = { from: first.state.pipeline, ...recordedOf(first.state) };
    expect(names(recorded.ended)).toEqual([]);
    const second = await new PipelineByHand({ stages }, {}, recorded).begin();
    expect(names(second.live)).toEqual(['build']);
    await second.end('build');
    await second.end('ask');
    expect(second.live[0]?.spec.leftVm?.task).toBe(second.started[0]?.task);
  });

  it('are refused a machine that stays, with what to write instead', async () => {
    const pipeline = await begin({ stages });
    pipeline.driver = 'ssh';
    await pipeline.end('build');
    await pipeline.end('ask');
    expect(pipeline.failed).toEqual({
      test: expect.stringContaining('invalid-pipeline: vm.of: "build" ran on the named VM'),
    });
  });

  it('wait for an intake that knows the driver of the VM', async () => {
    const pipeline = await begin({ stages });
    pipeline.driver = 'of-tomorrow';
    await pipeline.end('build');
    await expect(pipeline.end('ask')).rejects.toThrow('has the driver "of-tomorrow", which is not known here');
    expect(pipeline.failed).toEqual({});
    pipeline.driver = 'qemu';
    await pipeline.end('ask');
    expect(names(pipeline.live)).toEqual(['test']);
  });
});
