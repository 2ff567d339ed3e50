/** What the stages that a task needs left behind, as its processes are given it. */
import type { Connection } from '@vm-task/shared/bus/connection';
import { readOutput } from '@vm-task/shared/bus/read-pipeline';
import type { Json } from '@vm-task/shared/json';
import { neededValue } from '@vm-task/shared/needs';
import type { TaskSpec } from '@vm-task/shared/task-spec';

/** Large results come from the tasks' own ends. Null for a task of no pipeline. Thrown: `needed-result-gone`. */
export async function readNeeds(
  connection: Connection,
  { needs }: Pick<TaskSpec, 'needs'>,
): Promise<Record<string, Json> | null> {
  if (needs === undefined) return null;
  const stages = Object.entries(needs).map(async ([name, stage]) => {
    const outputs = stage.runs.map((run) => run.output ?? readOutput(connection, run));
    return [name, neededValue(stage, await Promise.all(outputs))] as const;
  });
  return Object.fromEntries(await Promise.all(stages));
}
