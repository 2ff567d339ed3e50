/** What the stages that a task needs left behind, as its processes are given it. */
import type { Connection } from '@vm-task/bus/connection';
import { readOutput } from '@vm-task/bus/read-pipeline';
import type { HostToken } from '@vm-task/shared/events';
import type { Json } from '@vm-task/shared/json';
import { type NeededStage, neededValue, type TaskOutput } from '@vm-task/shared/needs';
import type { Artifact } from '@vm-task/shared/task-ending';
import type { TaskSpec } from '@vm-task/shared/task-spec';

/** A file, and the host whose store has it. */
export type NeededFile = Artifact & { readonly host: HostToken };

export interface ReadNeeds {
  readonly values: Readonly<Record<string, Json>>;
  /** Under `<stage>/`, of a stage with items under `<stage>/<index>/`. */
  readonly files: readonly NeededFile[];
}

/** Large results come from the tasks' own ends. Null for a task of no pipeline. @throws `needed-result-gone`. */
export async function readNeeds(connection: Connection, { needs }: Pick<TaskSpec, 'needs'>): Promise<ReadNeeds | null> {
  if (needs === undefined) return null;
  const reading = Object.entries(needs).map(async ([name, stage]) => {
    const outputs = await Promise.all(stage.runs.map((run) => run.output ?? readOutput(connection, run)));
    return { name, value: neededValue(stage, outputs), files: filesOf(name, stage, outputs) };
  });
  const stages = await Promise.all(reading);
  return {
    values: Object.fromEntries(stages.map(({ name, value }) => [name, value])),
    files: stages.flatMap(({ files }) => files),
  };
}

function filesOf(name: string, { perItem, runs }: NeededStage, outputs: readonly TaskOutput[]): NeededFile[] {
  return outputs.flatMap(({ artifacts, host }, at) => {
    const folder = perItem ? `${name}/${runs[at]?.index ?? 0}` : name;
    return artifacts.map((artifact) => ({ ...artifact, host, path: `${folder}/${artifact.path}` }));
  });
}
