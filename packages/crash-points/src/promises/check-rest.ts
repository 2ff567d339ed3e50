/** That nothing has happened which nobody asked for: tasks that were made twice, processes that no ledger knew. */
import type { Stored } from '@vm-task/shared/events';
import type { User } from '../scenarios/user.ts';
import { eventsSince } from './read.ts';

/** One sentence for each, of all that happened after the sequence `since`. */
export async function checkRest({ system, accepted, pipelines }: User, since: number): Promise<string[]> {
  const tasks = new Set<string>(accepted.map(({ task }) => task));
  const ofPipelines = new Set<string>(pipelines.map(({ pipeline }) => pipeline));
  const isAskedFor = ({ data: { task, stage } }: Stored<'task.created'>) =>
    tasks.has(task) || (stage !== undefined && ofPipelines.has(stage.pipeline));
  const problems: string[] = [];
  for (const event of await eventsSince(system.bus, since)) {
    if (event.type === 'task.created' && !isAskedFor(event))
      problems.push(`I1: nobody knows of task ${event.data.task}`);
    if (event.type !== 'alert.raised' || event.data.kind !== 'stray-removed' || system.strays.has(event.data.id))
      continue;
    // A crash may leave a folder between two steps; what runs is in the ledger before it is started.
    if (event.data.text.startsWith('process ')) problems.push(`I5: ${event.data.text}`);
  }
  return problems;
}
