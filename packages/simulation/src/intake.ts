/** Intake in one simulated process: its work, and what people ask it by HTTP. */

import type { Bus } from '@vm-task/bus/bus';
import type { Connection } from '@vm-task/bus/connection';
import { findCreated, findLast, hadVmOn } from '@vm-task/bus/find-task';
import { childrenOf } from '@vm-task/bus/spawn-task';
import { acceptTask } from '@vm-task/intake/accept-task';
import { type Admission, createAdmission } from '@vm-task/intake/admission';
import { cancelTask } from '@vm-task/intake/cancel-task';
import { onTaskCancel } from '@vm-task/intake/on-task-cancel';
import { onTaskCancelling } from '@vm-task/intake/on-task-cancelling';
import { onTaskSpawn } from '@vm-task/intake/on-task-spawn';
import { onTaskSubmit } from '@vm-task/intake/on-task-submit';
import { acceptPipeline } from '@vm-task/intake/pipelines/accept-pipeline';
import { cancelPipeline } from '@vm-task/intake/pipelines/cancel-pipeline';
import { noQuotas } from '@vm-task/intake/quotas';
import { pipelineReader, workPipelines } from '@vm-task/intake/work-pipelines';
import { expressionsHere } from '@vm-task/pipelines/expressions/fill';
import type { SystemConfig } from '@vm-task/service/config';
import type { HostToken } from '@vm-task/shared/events';
import { type Durable, flow } from '@vm-task/shared/flow';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import type { TaskKey } from '@vm-task/shared/subjects';

type ReadPipeline = ReturnType<typeof pipelineReader>;

interface IntakeParts {
  readonly config: SystemConfig;
  readonly hasPipelines: boolean;
  readonly isPlain: (task: TaskId) => boolean;
}

interface Drain {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

const pool = 'default';
const appendLimitMs = 30_000;
/** As many as can be in flight: more would only ask for messages that are not there. */
const slots = 2;
const byChance = { by: 'simulation', reason: 'by chance' };

export class Intake {
  readonly #bus: Bus;
  readonly #parts: IntakeParts;
  readonly #admission: Admission;
  readonly #readPipeline: ReadPipeline;

  constructor(bus: Bus, parts: IntakeParts) {
    this.#bus = bus;
    this.#parts = parts;
    this.#admission = admissionTo(bus.connection);
    this.#readPipeline = pipelineReader(bus);
  }

  async work(drain: Drain): Promise<void> {
    const [bus, { config, hasPipelines, isPlain }] = [this.#bus, this.#parts];
    const find = (task: TaskId) => findCreated(bus.connection, task);
    const deps = { bus, config, admission: this.#admission, findCreated: find, ...childQuestions(bus.connection) };
    const commands = { slots, stop: drain.stop, abort: drain.abort };
    const tasks = [
      bus.workMessages(flow.intakeOnTaskSubmit, (one) => onTaskSubmit(deps, one), commands),
      bus.workMessages(flow.intakeOnTaskCancel, (one) => onTaskCancel(deps, one), commands),
      bus.workMessages(flow.intakeOnTaskSpawn, (one) => onTaskSpawn(deps, one), commands),
      bus.workEvents(flow.intakeOnTaskCancelling, (one) => onTaskCancelling(deps, one), { ...commands, past: true }),
    ];
    await Promise.all([
      ...tasks,
      ...(hasPipelines ? [workPipelines({ ...deps, ...commands, expressions: expressionsHere, isPlain })] : []),
    ]);
  }

  async acceptTask(file: object, requestId: string): Promise<TaskId> {
    const find = (task: TaskId) => findCreated(this.#bus.connection, task);
    const deps = { ...this.#acceptance(), findCreated: find };
    return (await acceptTask(deps, { body: file, key: null, requestId }, limit())).id;
  }

  async cancelTask(task: TaskId): Promise<void> {
    await cancelTask(this.#bus, { pool, task }, byChance, limit());
  }

  async acceptPipeline(submission: object, requestId: string): Promise<PipelineId> {
    const deps = { ...this.#acceptance(), readPipeline: this.#readPipeline };
    return (await acceptPipeline(deps, { body: submission, key: null, requestId }, limit())).id;
  }

  async cancelPipeline(pipeline: PipelineId): Promise<void> {
    await cancelPipeline({ bus: this.#bus, readPipeline: this.#readPipeline }, pipeline, byChance, limit());
  }

  #acceptance() {
    const keys = { find: withoutKey, claim: withoutKey };
    return {
      config: this.#parts.config,
      bus: this.#bus,
      admission: this.#admission,
      quotas: noQuotas,
      now: Date.now,
      keys,
    };
  }
}

function childQuestions(connection: Connection) {
  return {
    hadVmOn: (key: TaskKey, host: HostToken) => hadVmOn(connection, key, host),
    findCancelling: (key: TaskKey) => findLast(connection, 'task.cancelling', key),
    childrenOf: (parent: TaskId) => childrenOf(connection, parent),
  };
}

async function withoutKey(): Promise<never> {
  throw new Error('nothing in the simulation has a key');
}

/** What nobody here asks for. */
const unworked = [flow.intakeOnAlertRaised, flow.intakeOnMessageRead, flow.intakeOnDeadletterReplay];
const ofPipelines = [
  flow.intakeOnPipelineSubmit,
  flow.intakeOnPipelineCancel,
  flow.intakeOnPipelineCreated,
  flow.intakeOnPipelineAdvanced,
  flow.intakeOnPipelineCancelling,
  flow.intakeOnTaskCompleted,
];

/** True for a durable that some service works on here. */
export function isWorkedOn({ name }: Durable, hasPipelines: boolean): boolean {
  const idle = hasPipelines ? unworked : [...unworked, ...ofPipelines];
  return !idle.some(({ consumer }) => consumer === name);
}

const limit = () => AbortSignal.timeout(appendLimitMs);

/** By what the stream has; disk and memory never run out. */
function admissionTo({ jsm }: Connection): Admission {
  const measure = async () => {
    const { state, config } = await jsm.streams.info('EVENTS');
    const plenty = { diskFreeBytes: Number.POSITIVE_INFINITY, memoryBytes: Number.POSITIVE_INFINITY };
    return { eventsBytes: state.bytes, eventsMaxBytes: config.max_bytes, subjects: 0, stores: [], ...plenty };
  };
  return createAdmission(
    measure,
    () => performance.now(),
    () => undefined,
  );
}
