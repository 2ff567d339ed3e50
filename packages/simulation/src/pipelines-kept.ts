/**
 * Pipelines: one end for each, each stage's task created once and only when what it needs has ended, nothing begun
 * after a cancelling. Checked from the events of their tasks, not from what the pipeline's own events say of those.
 */
import type { EventData, Stored } from '@vm-task/shared/events';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import type { PipelineEventType } from '@vm-task/shared/subjects';
import type { Observations, Violation } from './observations.ts';
import type { Sometimes } from './sometimes.ts';

type Decision = Stored<'pipeline.advanced' | 'pipeline.completed'>;
type Started = EventData<'pipeline.advanced'>['start'][number];
type Outcome = EventData<'task.completed'>['outcome'];
type Stage = EventData<'pipeline.created'>['spec']['stages'][number];

interface SeenPipeline {
  readonly created: Stored<'pipeline.created'>;
  readonly eventStream: Stored<PipelineEventType>[];
  /** What was decided to run, by its task. */
  readonly started: Map<TaskId, Started>;
  readonly isCreated: Set<TaskId>;
  /** As the tasks themselves say. */
  readonly outcomes: Map<TaskId, Outcome>;
  /** The ends that the pipeline knows of. */
  readonly recorded: Set<TaskId>;
  /** Of stages that run for items. */
  readonly items: Map<string, number>;
  readonly unrun: Set<string>;
}

export class PipelinesKept {
  readonly #observations: Observations;
  readonly #pipelines = new Map<PipelineId, SeenPipeline>();
  readonly #pipelineOf = new Map<TaskId, SeenPipeline>();

  constructor(observations: Observations) {
    this.#observations = observations;
  }

  has(pipeline: string): boolean {
    return this.#pipelines.has(pipeline as PipelineId);
  }

  onEvent(event: Stored<PipelineEventType>): void {
    const { pipeline } = event.data;
    const found = this.#pipelines.get(pipeline);
    if (event.type === 'pipeline.created') {
      if (found !== undefined) this.#observations.broken('I2', `${pipeline} was created twice`);
      this.#pipelines.set(pipeline, begin(event));
    } else if (found === undefined) {
      this.#observations.broken('I1', `${event.type} of ${pipeline}, which was never created`);
    } else {
      this.#requireOrder(event, found);
      if (event.type !== 'pipeline.cancelling') this.#onDecision(event, found);
      found.eventStream.push(event);
    }
  }

  /** What it names must have been decided on. */
  onTaskCreated({ data: { task, stage } }: Stored<'task.created'>): void {
    if (stage === undefined) return;
    const found = this.#pipelines.get(stage.pipeline);
    if (found?.started.get(task)?.stage !== stage.stage) {
      this.#observations.broken('I3', `${task} of ${stage.pipeline} was created, and nobody had decided so`);
      return;
    }
    found.isCreated.add(task);
    this.#pipelineOf.set(task, found);
    if (isCancelled(found)) this.#observations.sometimes('a task of a stage was created only after the cancelling');
  }

  onTaskCompleted({ data: { task, outcome } }: Stored<'task.completed'>): void {
    this.#pipelineOf.get(task)?.outcomes.set(task, outcome);
  }

  onTaskRetrying(task: TaskId): void {
    if (this.#pipelineOf.has(task)) this.#observations.sometimes('a task of a stage was tried again');
  }

  /** I10, I2, I3: decided on what was last; nothing after the end. */
  #requireOrder(event: Stored<PipelineEventType>, { eventStream }: SeenPipeline): void {
    const { pipeline } = event.data;
    const head = eventStream.at(-1);
    const expectedSeq = Number(event.id.split('/').at(-2));
    if (head?.seq !== expectedSeq) {
      this.#observations.broken(
        'I10',
        `${event.type} of ${pipeline} was decided on ${expectedSeq}, the head is ${head?.seq}`,
      );
    }
    if (head?.type !== 'pipeline.completed') return;
    const promise = event.type === 'pipeline.completed' ? 'I2' : 'I3';
    this.#observations.broken(promise, `${event.type} follows the end of ${pipeline}`);
  }

  #onDecision(event: Decision, seen: SeenPipeline): void {
    const { pipeline, ended, expand, skip, fail } = event.data;
    for (const { task, outcome } of ended) {
      const known = seen.outcomes.get(task);
      if (known !== outcome) this.#observations.broken('I9', `${pipeline} says that ${task} ${outcome}: it ${known}`);
      if (seen.recorded.has(task)) this.#observations.broken('I2', `${pipeline} records the end of ${task} twice`);
      seen.recorded.add(task);
    }
    for (const { stage, items } of expand) seen.items.set(stage, items.length);
    for (const { stage } of [...skip, ...fail]) seen.unrun.add(stage);
    for (const started of event.data.start) this.#onStart(started, seen);
    if (event.type === 'pipeline.completed') this.#onCompleted(event, seen);
  }

  #onStart(started: Started, seen: SeenPipeline): void {
    const { created, started: all } = seen;
    const what = `stage ${started.stage} (${started.index}) of ${created.data.pipeline}`;
    const isSame = ({ stage, index }: Started) => stage === started.stage && index === started.index;
    if (all.has(started.task) || [...all.values()].some(isSame))
      this.#observations.broken('I2', `${what} begins twice`);
    const stage = created.data.spec.stages.find(({ name }) => name === started.stage);
    if (isCancelled(seen) && stage?.always !== true) {
      this.#observations.broken('I3', `${what} begins after the cancelling`);
    }
    all.set(started.task, started);
    if (stage === undefined || !mayBegin(stage, seen)) {
      this.#observations.broken('I3', `${what} begins, and what it needs has not ended as it must`);
    }
    if (started.index > 0) this.#observations.sometimes('a stage ran for each item');
    if (stage?.onFailure === true) this.#observations.sometimes('a stage for failures ran');
    if (stage?.always === true) this.#observations.sometimes(alwaysRan(seen));
  }

  /** I2, I9: after all of its tasks, and as they have ended. */
  #onCompleted({ data: { pipeline, outcome } }: Stored<'pipeline.completed'>, seen: SeenPipeline): void {
    const outcomes = [...seen.started.keys()].map((task) => seen.outcomes.get(task));
    if (outcomes.includes(undefined)) this.#observations.broken('I2', `${pipeline} is over, and a task of it is not`);
    const haveAll = outcomes.every((one) => one === 'succeeded');
    if ((outcome === 'cancelled') !== isCancelled(seen) || (outcome === 'succeeded' && !haveAll)) {
      this.#observations.broken('I9', `${pipeline} ${outcome}, its tasks ${outcomes.join(', ')}`);
    }
    this.#observations.sometimes(`a pipeline ended: ${outcome}`);
  }

  /** I4: what follows from a message of a pipeline, or from the end of a stage's task, is stored before it is acknowledged. */
  isAckedEarly(subject: string, seq: number, isEnding: (task: TaskId) => boolean): boolean {
    const [about, what, , task] = subject.split('.');
    if (about === 'task') return what === 'completed' && this.#isUnknownEnd(task as TaskId);
    const seen = this.#pipelines.get(subject.split('.').at(-1) as PipelineId);
    const event = seen?.eventStream.find((one) => one.seq === seq);
    if (seen === undefined || event === undefined) return false;
    if (event.type === 'pipeline.created') return seen.eventStream.length === 1;
    if (event.type === 'pipeline.advanced') return event.data.start.some(({ task: one }) => !seen.isCreated.has(one));
    return event.type === 'pipeline.cancelling' && toCancel(seen).some((one) => !isEnding(one));
  }

  #isUnknownEnd(task: TaskId): boolean {
    const seen = this.#pipelineOf.get(task);
    return seen !== undefined && !seen.recorded.has(task) && !isOver(seen);
  }

  /** What must not be left in the end. */
  unfinished(): readonly Violation[] {
    return [...this.#pipelines].flatMap(([pipeline, seen]) => {
      const missing = [...seen.started.keys()].filter((task) => !seen.isCreated.has(task));
      return [
        ...(isOver(seen) ? [] : [{ promise: 'I2', what: `${pipeline} has no end` }]),
        ...missing.map((task) => ({ promise: 'I4', what: `${task} of ${pipeline} was decided on and never created` })),
      ];
    });
  }
}

function begin(created: Stored<'pipeline.created'>): SeenPipeline {
  const tasks = { started: new Map(), isCreated: new Set<TaskId>(), outcomes: new Map(), recorded: new Set<TaskId>() };
  return { created, eventStream: [created], ...tasks, items: new Map(), unrun: new Set() };
}

function isCancelled({ eventStream }: SeenPipeline): boolean {
  return eventStream.some(({ type }) => type === 'pipeline.cancelling');
}

function toCancel({ created, started }: SeenPipeline): TaskId[] {
  const always = new Set(created.data.spec.stages.filter((stage) => stage.always).map(({ name }) => name));
  return [...started].filter(([, { stage }]) => !always.has(stage)).map(([task]) => task);
}

function alwaysRan(seen: SeenPipeline): Sometimes {
  if (isCancelled(seen)) return 'a stage that always runs ran after the cancelling';
  const isFailed = [...seen.outcomes.values()].some((outcome) => outcome !== 'succeeded');
  return `a stage that always runs ran after ${isFailed ? 'a failure' : 'success'}`;
}

function isOver({ eventStream }: SeenPipeline): boolean {
  return eventStream.at(-1)?.type === 'pipeline.completed';
}

/**
 * All that is needed has succeeded; for a stage that is for failures, it has ended, and not all of it succeeded; for one
 * that always runs, it has ended.
 */
function mayBegin({ needs, onFailure, always }: Stage, seen: SeenPipeline): boolean {
  const runs = needs.map((need) => outcomesOf(need, seen));
  if (runs.some((ofNeed) => ofNeed.includes(undefined))) return false;
  const hasEnded = (need: string, index: number) =>
    seen.unrun.has(need) || seen.items.get(need) === 0 || (runs[index]?.length ?? 0) > 0;
  if (always === true) return needs.every(hasEnded);
  const isWhole = (need: string, index: number) =>
    !seen.unrun.has(need) &&
    runs[index]?.length === (seen.items.get(need) ?? 1) &&
    runs[index].every((outcome) => outcome === 'succeeded');
  return needs.every(isWhole) !== onFailure;
}

function outcomesOf(need: string, { started, outcomes }: SeenPipeline): (Outcome | undefined)[] {
  return [...started.values()].filter(({ stage }) => stage === need).map(({ task }) => outcomes.get(task));
}
