/** What running tasks say of how far they are: no event tells it, so it is read from their logs when somebody looks. */

import type { PipelineView, RunView } from '@vm-task/api/pipelines';
import type { TaskSummary } from '@vm-task/api/tasks';
import type { Connection } from '@vm-task/bus/connection';
import { readProgress } from '@vm-task/bus/task-progress';
import type { HostToken } from '@vm-task/shared/events';
import { parseTaskId } from '@vm-task/shared/ids';
import type { ProgressView } from '@vm-task/shared/progress';

/** Null for a task that does not run, or has said nothing. */
export async function progressOf(
  connection: Connection,
  hostOf: (task: string) => HostToken | null,
  { id, status }: Pick<TaskSummary, 'id' | 'status'>,
): Promise<ProgressView | null> {
  const host = status === 'running' ? hostOf(id) : null;
  return host === null ? null : readProgress(connection, parseTaskId(id), host);
}

/** The pipeline with the progress of each task that runs. */
export async function withProgress(
  connection: Connection,
  hostOf: (task: string) => HostToken | null,
  view: PipelineView,
): Promise<PipelineView> {
  const ofRun = async (run: RunView) => ({
    ...run,
    progress: run.task === null ? null : await progressOf(connection, hostOf, run.task),
  });
  const stages = view.stages.map(async (stage) => ({ ...stage, runs: await Promise.all(stage.runs.map(ofRun)) }));
  return { ...view, stages: await Promise.all(stages) };
}
