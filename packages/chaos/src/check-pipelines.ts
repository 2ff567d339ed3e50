/** Pipelines by their events and those of their tasks: accepted, ended once and as their stages did, each stage once. */
import type { Stored } from '@vm-task/shared/events';
import type { Broken, Evidence } from './evidence.ts';
import { pipelineName } from './planned-pipeline.ts';
import type { PipelineSubmission } from './submitter.ts';

export interface PipelineCheck {
  readonly broken: readonly Broken[];
  readonly accepted: number;
  readonly ended: number;
  /** With no end, or more than one. */
  readonly withoutOneEnd: number;
  readonly stagesTwice: number;
}

type Created = Stored<'pipeline.created'>;

export function checkPipelines({ pipelines, streams }: Evidence): PipelineCheck {
  const { events } = streams;
  const created = events.filter((event) => event.type === 'pipeline.created');
  const accepted = pipelines.filter(({ ids, commandSeq }) => ids.size > 0 || commandSeq !== null);
  const ends = created.map((event) => checkEnd(event, events));
  const stages = created.flatMap((event) => checkStages(event, events));
  return {
    accepted: accepted.length,
    ended: created.filter((event) => endsOf(event, events).length > 0).length,
    withoutOneEnd: ends.flat().filter(({ promise }) => promise === 'one terminal event').length,
    stagesTwice: stages.filter(({ promise }) => promise === 'no task is made twice').length,
    broken: [
      ...accepted.flatMap((one) => checkAccepted(one, created)),
      ...ends.flat(),
      ...stages,
      ...created.flatMap((event) => checkOutcome(event, events, pipelines)),
    ],
  };
}

function checkAccepted(
  { pipeline: { number, via }, ids, commandSeq }: PipelineSubmission,
  created: Created[],
): Broken[] {
  const made = created.filter(({ data }) => data.spec.name === pipelineName(number)).map(({ data }) => data.pipeline);
  const isLost = [...ids].some((id) => !made.some((one) => one === id)) || (commandSeq !== null && made.length === 0);
  return [
    ...(isLost ? [broken('nothing accepted is lost', `pipeline ${number}, accepted by ${via}, is not there`)] : []),
    ...(made.length > 1 ? [broken('no task is made twice', `pipeline ${number} is ${made.join(' and ')}`)] : []),
  ];
}

function checkEnd(created: Created, events: readonly Stored[]): Broken[] {
  const ends = endsOf(created, events);
  const end = ends[0];
  const late = events.filter((event) => isOf(created, event) && end !== undefined && event.seq > end.seq);
  return [
    ...(ends.length === 1 ? [] : [broken('one terminal event', `${nameOf(created)} has ${ends.length}`)]),
    ...late.map(({ type }) => broken('nothing after the end', `${nameOf(created)} has ${type}`)),
  ];
}

/** One task for each, the second's only when the first has succeeded. */
function checkStages(created: Created, events: readonly Stored[]): Broken[] {
  const tasks = tasksOf(created, events);
  const of = (stage: string) => tasks.filter(({ data }) => data.stage?.stage === stage);
  const twice = ['first', 'second'].filter((stage) => of(stage).length > 1);
  const [second] = of('second');
  const before = of('first').flatMap(({ data }) => endOf(data.task, events) ?? []);
  const isReady = before.some(({ data, seq }) => data.outcome === 'succeeded' && seq < (second?.seq ?? Infinity));
  return [
    ...twice.map((stage) => broken('no task is made twice', `stage ${stage} of ${nameOf(created)} is two tasks`)),
    ...(second === undefined || isReady
      ? []
      : [broken('stages in their order', `${nameOf(created)} began its second stage before the first had succeeded`)]),
  ];
}

/** As its stages ended; cancelled only if somebody asked for that. */
function checkOutcome(created: Created, events: readonly Stored[], pipelines: Evidence['pipelines']): Broken[] {
  const end = endsOf(created, events)[0];
  if (end === undefined) return [];
  const { outcome } = end.data;
  const tasks = tasksOf(created, events).map(({ data }) => endOf(data.task, events)?.data.outcome);
  const isWhole = tasks.length === 2 && tasks.every((one) => one === 'succeeded');
  const wasAsked = pipelines.some(
    ({ pipeline, isCancelAsked }) => pipelineName(pipeline.number) === created.data.spec.name && isCancelAsked,
  );
  const isRight = outcome === 'cancelled' ? wasAsked : (outcome === 'succeeded') === isWhole;
  const what = `${nameOf(created)} ${outcome}, its stages ${tasks.join(', ')}`;
  return isRight ? [] : [broken('the right outcome', what)];
}

function tasksOf({ data: { pipeline } }: Created, events: readonly Stored[]): Stored<'task.created'>[] {
  return events
    .filter((event) => event.type === 'task.created')
    .filter(({ data }) => data.stage?.pipeline === pipeline);
}

function endOf(task: string, events: readonly Stored[]): Stored<'task.completed'> | undefined {
  return events.filter((event) => event.type === 'task.completed').find(({ data }) => data.task === task);
}

function endsOf(created: Created, events: readonly Stored[]): Stored<'pipeline.completed'>[] {
  return events.filter((event) => event.type === 'pipeline.completed').filter((event) => isOf(created, event));
}

function isOf({ data }: Created, event: Stored): boolean {
  return 'pipeline' in event.data && event.data.pipeline === data.pipeline;
}

const nameOf = ({ data }: Created): string => `pipeline ${data.spec.name} (${data.pipeline})`;

function broken(promise: Broken['promise'], what: string): Broken {
  return { promise, what };
}
