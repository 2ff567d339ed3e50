/** The promises, for one pipeline that was accepted: it ends once, and each of its stages is one task. */
import type { Stored } from '@vm-task/shared/events';
import type { AcceptedPipeline } from '../scenarios/user.ts';
import type { SystemUnderTest } from '../system/system.ts';
import { checkTask } from './check-task.ts';
import { eventsOfPipeline } from './read.ts';

/** One sentence for each promise that was broken, those to its tasks included. */
export async function checkPipeline(system: SystemUnderTest, accepted: AcceptedPipeline): Promise<string[]> {
  const { pipeline, expected } = accepted;
  const events = await eventsOfPipeline(system.bus, pipeline);
  if (events.length === 0) return [`I1: pipeline ${pipeline} was accepted and is not stored`];
  const problems = [...checkEnding(events, expected), ...checkStages(events, expected)];
  for (const { data } of events.filter((event) => event.type === 'task.created')) {
    const ending = expected.stages[data.stage?.stage ?? ''];
    if (ending !== undefined) problems.push(...(await checkTask(system, { task: data.task, expected: ending })));
  }
  return problems.map((problem) => `${problem} (pipeline ${pipeline}: ${events.map(({ type }) => type).join(' ')})`);
}

type Expected = AcceptedPipeline['expected'];

function checkEnding(events: readonly Stored[], { outcome }: Expected): string[] {
  const endings = events.filter((event) => event.type === 'pipeline.completed');
  const [ending] = endings;
  if (ending === undefined || endings.length > 1) return [`I2: ${endings.length} terminal events`];
  const isLast = events.at(-1) === ending;
  return [
    ...(isLast ? [] : [`I3: ${events.at(-1)?.type} after the end`]),
    ...(ending.data.outcome === outcome ? [] : [`it ${ending.data.outcome}, not ${outcome}`]),
  ];
}

function checkStages(events: readonly Stored[], { stages }: Expected): string[] {
  const begun = events.flatMap((event) => (event.type === 'task.created' ? [event.data.stage?.stage ?? ''] : []));
  return [...new Set([...begun, ...Object.keys(stages)])].flatMap((stage) => {
    const times = begun.filter((one) => one === stage).length;
    const wanted = stage in stages ? 1 : 0;
    return times === wanted ? [] : [`stage ${stage} has ${times} tasks, not ${wanted}`];
  });
}
