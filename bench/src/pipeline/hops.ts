/** Pipelines of stages that do nothing, run to their end, and how long each stage waited for what it waited for. */

import type { Connection } from '@vm-task/bus/connection';
import type { Client } from '@vm-task/client/client';
import type { TaskId } from '@vm-task/shared/ids';
import { logSubject } from '@vm-task/shared/subjects';

/** Its first output is stored a few milliseconds after it has started: that is the time that is taken for its start. */
const work = { command: ['echo', 'up'] };
const limitMs = 10 * 60_000;

export interface Stage {
  readonly needs?: readonly string[];
  readonly forEach?: readonly number[];
  readonly [key: string]: unknown;
}
export type Stages = Readonly<Record<string, Stage>>;

/** Each needs the one before; `places` are taken in turns. */
export function chainOf(length: number, places: readonly object[]): Stages {
  const stages = Array.from({ length }, (_, n) => {
    const needs = n === 0 ? {} : { needs: [`s${n - 1}`] };
    return [`s${n}`, { ...work, ...places[n % places.length], ...needs }] as const;
  });
  return Object.fromEntries(stages);
}

/** All but the first need the first. */
export function fanOf(width: number, places: readonly object[]): Stages {
  const needs = { needs: ['s0'] };
  const stages = Array.from({ length: width + 1 }, (_, n) => {
    return [`s${n}`, { ...work, ...places[n % places.length], ...(n === 0 ? {} : needs) }] as const;
  });
  return Object.fromEntries(stages);
}

export interface Ran {
  /** From its being accepted to its end. */
  readonly totalMs: number;
  /** Of each stage that needs one: from the terminal event that it waited for to its process's start. */
  readonly hopsMs: readonly number[];
}

interface Run {
  readonly name: string;
  readonly pool: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/**
 * All times are the broker's. Where a place takes one task at a time, a stage waits for the end of the one before it there,
 * too: `oneAtATime` counts from that. @throws when the pipeline does not succeed.
 */
export async function runPipeline(
  client: Client,
  connection: Connection,
  stages: Stages,
  oneAtATime: boolean,
): Promise<Ran> {
  const id = await client.pipelines.submit({ pipeline: { name: 'bench', stages } });
  for await (const _ of client.pipelines.follow(id, AbortSignal.timeout(limitMs)));
  const view = await client.pipelines.show(id);
  if (view.outcome !== 'succeeded' || view.completedAt === null)
    throw new Error(`the pipeline: ${view.error?.message}`);
  const runs = await Promise.all(
    view.stages.map(({ name, runs }) => readRun(client, connection, name, runs[0]?.task?.id)),
  );
  const hopsMs = runs.flatMap((run) => {
    const needed = stages[run.name]?.needs ?? [];
    if (needed.length === 0) return [];
    const before = oneAtATime ? runs.filter(({ pool, endedAt }) => pool === run.pool && endedAt <= run.startedAt) : [];
    const awaited = [...runs.filter(({ name }) => needed.includes(name)), ...before];
    return [run.startedAt - Math.max(...awaited.map(({ endedAt }) => endedAt))];
  });
  return { totalMs: Date.parse(view.completedAt) - Date.parse(view.createdAt), hopsMs };
}

async function readRun(client: Client, { jsm }: Connection, name: string, task: string | undefined): Promise<Run> {
  if (task === undefined) throw new Error(`the stage ${name} has no task`);
  const { events } = await client.tasks.events(task);
  const end = events.find(({ type }) => type === 'task.completed');
  const said = await jsm.streams.getMessage('LOGS', { last_by_subj: logSubject(task as TaskId, 1, 'stdout', '*') });
  if (end === undefined || said === null) throw new Error(`task ${task} has no end, or no output`);
  return { name, pool: String(end.data['pool']), startedAt: said.time.getTime(), endedAt: Date.parse(end.time) };
}
