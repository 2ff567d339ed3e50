/** Pipelines in memory: decisions as intake makes them, ends as a test wants them, and what must always hold. */
import type { TaskMachine } from '@vm-task/bus/read-machine';
import { expressionsHere, newBudget } from '@vm-task/pipelines/expressions/fill';
import { planPipeline } from '@vm-task/pipelines/planning/plan-pipeline';
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import { parseConfig } from '@vm-task/service/config';
import { anyHost, type Draft, type EventData, eventSchemas, type Stored } from '@vm-task/shared/events';
import type { TaskId, VmId } from '@vm-task/shared/ids';
import type { Json } from '@vm-task/shared/json';
import type { TaskOutput } from '@vm-task/shared/needs';
import { newPipelineId } from '@vm-task/shared/new-ids';
import type { EndedRun, StartedRun } from '@vm-task/shared/pipelines/events';
import { foldPipeline, liveRun, type PipelineState } from '@vm-task/shared/pipelines/state';
import { eventSubject, type PipelineEventType } from '@vm-task/shared/subjects';
import { decide } from '../src/pipelines/decide.ts';
import { Outputs } from '../src/pipelines/outputs.ts';

const config = parseConfig('', 'test');

export interface End {
  readonly outcome?: EndedRun['outcome'];
  readonly error?: EndedRun['error'];
  readonly result?: Json;
}

export class PipelineByHand {
  readonly events: Stored<PipelineEventType>[] = [];
  /** Of every VM that a task had. */
  driver = 'qemu';
  readonly #outputs = new Map<TaskId, TaskOutput>();

  constructor(
    file: object,
    parameters: Record<string, Json> = {},
    resumed: EventData<'pipeline.created'>['resumed'] = null,
  ) {
    const planned = planPipeline({ pipeline: file, parameters }, config);
    const pipeline = newPipelineId(Date.now());
    const cause = { kind: 'http' as const, id: 'test' };
    const data = { v: 1 as const, pipeline, spec: planned.spec, parameters: { ...planned.parameters }, cause, resumed };
    this.put({ type: 'pipeline.created', data, host: anyHost });
  }

  get state(): PipelineState {
    const state = this.events.reduce<PipelineState | null>(foldPipeline, null);
    if (state === null) throw new Error('nothing was created');
    return state;
  }

  /** Every task that was started, in order. */
  get started(): StartedRun[] {
    return this.events.flatMap((event) => (event.type === 'pipeline.advanced' ? event.data.start : []));
  }

  /** Those that run now. */
  get live(): StartedRun[] {
    const { state } = this;
    return this.started.filter(({ stage, task }) => liveRun(state, stage, task) !== null);
  }

  get completed(): EventData<'pipeline.completed'> | null {
    const last = this.events.at(-1);
    return last?.type === 'pipeline.completed' ? last.data : null;
  }

  /** What every stage was skipped for. */
  get skipped(): Record<string, string> {
    const skips = this.events.flatMap((event) => ('skip' in event.data ? event.data.skip : []));
    return Object.fromEntries(skips.map(({ stage, reason }) => [stage, reason]));
  }

  get failed(): Record<string, string> {
    const fails = this.events.flatMap((event) => ('fail' in event.data ? event.data.fail : []));
    return Object.fromEntries(fails.map(({ stage, error }) => [stage, `${error.code}: ${error.message}`]));
  }

  /** Stored, as far as a writer may write it. */
  put(draft: Draft<PipelineEventType>): void {
    eventSchemas[draft.type].parse(draft.data);
    const seq = this.events.length + 1;
    const stored = {
      ...draft,
      id: `${seq}`,
      seq,
      time: new Date(seq),
      subject: eventSubject(draft),
      traceparent: null,
    };
    this.events.push(stored as Stored<PipelineEventType>);
  }

  /** The first decision. */
  async begin(): Promise<this> {
    await this.#advance([]);
    return this;
  }

  async cancel(): Promise<void> {
    const { pipeline } = this.state;
    this.put({ type: 'pipeline.cancelling', data: { v: 1, pipeline, by: 'test', reason: 'test' }, host: anyHost });
    await this.#advance([]);
  }

  /** A task that was started ends, once or again. */
  async end(run: StartedRun | string, { outcome = 'succeeded', result = null, ...more }: End = {}): Promise<void> {
    const found = typeof run === 'string' ? this.live.find(({ stage }) => stage === run) : run;
    if (found === undefined) throw new Error(`${String(run)} does not run`);
    const { stage, index, task, pool } = found;
    if (liveRun(this.state, stage, task) === null) return;
    this.#outputs.set(task, { result, artifacts: [], host: 'host-1' });
    const failure = outcome === 'succeeded' ? null : { code: 'process-failed' as const, message: `${stage} failed` };
    await this.#advance([{ stage, index, task, pool, outcome, error: more.error ?? failure }]);
  }

  /** Each task had the VM that it was given, or one of its own. */
  readonly #machineOf = async ({ task }: { task: TaskId }): Promise<TaskMachine> => {
    const run = this.started.find((one) => one.task === task);
    if (run === undefined) throw new Error(`${task} was not started`);
    const { pool, spec } = run;
    const vm = spec.leftVm?.vm ?? (`vm-${task}` as VmId);
    const { size, egress } = spec;
    return { vm, host: 'host-1', pool, image: 'python@3.2.0', driver: this.driver, size, egress };
  };

  async #advance(ended: EndedRun[]): Promise<void> {
    const nothing: TaskOutput = { result: null, artifacts: [], host: 'host-1' };
    const read = async ({ task }: { task: TaskId }) => this.#outputs.get(task) ?? nothing;
    const plan = (file: unknown) => planTask(file, config);
    const { drivers } = config;
    const starting = {
      plan,
      outputs: new Outputs(read),
      drivers,
      readMachine: this.#machineOf,
      expressions: expressionsHere,
      budget: newBudget(),
      atMs: 1,
    };
    const draft = await decide(this.state, ended, starting);
    if (draft !== null) this.put(draft);
  }
}
