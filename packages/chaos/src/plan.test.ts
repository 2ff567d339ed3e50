import { pipelineSubmissionSchema } from '@vm-task/shared/pipelines/file';
import { taskFileSchema } from '@vm-task/shared/task-file';
import { Random } from '@vm-task/simulation/random';
import { describe, expect, it } from 'vitest';
import { planDisturbance } from './disturbance.ts';
import { planPipeline } from './planned-pipeline.ts';
import { planTask } from './planned-task.ts';

const tasksOf = (seed: number) => {
  const random = Random.of(seed, 'load');
  return Array.from({ length: 150 }, (_, index) => planTask(random, index + 1));
};

const asText = (tasks: ReturnType<typeof tasksOf>) =>
  JSON.stringify(tasks.map((task) => ({ ...task, output: task.output.stdout.bytes.length })));

const stormOf = (seed: number) => {
  const random = Random.of(seed, 'storm');
  return Array.from({ length: 300 }, () => planDisturbance(random));
};

describe('what a seed stands for', () => {
  it('is the same load and the same storm each time, and another one for another seed', () => {
    expect(asText(tasksOf(7))).toBe(asText(tasksOf(7)));
    expect(stormOf(7)).toEqual(stormOf(7));
    expect(asText(tasksOf(7))).not.toBe(asText(tasksOf(8)));
    expect(stormOf(7)).not.toEqual(stormOf(8));
  });

  it('has tasks that the system takes, of every kind and by every way', () => {
    const tasks = tasksOf(1);
    for (const { file } of tasks) expect(taskFileSchema.safeParse(file).error).toBeUndefined();
    expect(new Set(tasks.map(({ kind }) => kind)).size).toBe(10);
    expect(new Set(tasks.map(({ via }) => via))).toEqual(new Set(['http', 'http twice', 'command']));
    expect(tasks.some(({ cancel }) => cancel?.via === 'http')).toBe(true);
  });

  it('has pipelines that the system takes, by every way, some of them cancelled', () => {
    const random = Random.of(1, 'load');
    const pipelines = Array.from({ length: 60 }, (_, index) => planPipeline(random, 2 * index + 1));
    for (const { submission } of pipelines)
      expect(pipelineSubmissionSchema.safeParse(submission).error).toBeUndefined();
    expect(new Set(pipelines.map(({ via }) => via))).toEqual(new Set(['http', 'command']));
    expect(pipelines.some(({ cancelAfterMs }) => cancelAfterMs !== null)).toBe(true);
  });

  it('has every kind of disturbance', () => {
    const kinds = new Set(stormOf(1).map(({ act, target }) => `${act} ${target}`));
    const services = ['intake', 'provisioner', 'runner', 'reaper'];
    const all = ['kill', 'stop', 'restart'].flatMap((act) =>
      [...services, 'nats-server'].map((one) => `${act} ${one}`),
    );
    expect(kinds).toEqual(new Set([...all, 'kill machine', 'stop machine', 'kill everything']));
  });
});
