/**
 * Pipelines at work: every handler that moves one on. Any number of these may run; the expected sequence decides who was first.
 *
 * | file | role |
 * |---|---|
 * | `on-pipeline-submit.ts`, `on-pipeline-cancel.ts` | commands from any NATS client |
 * | `on-pipeline-created.ts`, `on-task-completed.ts` | a change → one decision |
 * | `on-pipeline-advanced.ts` | a decision → its tasks |
 * | `on-pipeline-cancelling.ts` | its tasks are asked to end |
 * | `pipelines/decide.ts`, `start-stage.ts`, `outputs.ts`, `left-vm.ts` | what follows from a state, with its expressions evaluated |
 * | `pipelines/advance.ts`, `pipeline-reader.ts` | the state from the stream, the decision into it |
 */
import type { Bus } from '@vm-task/bus/bus';
import { findCreated } from '@vm-task/bus/find-task';
import { readMachine } from '@vm-task/bus/read-machine';
import { readDecisions, readOutput, readPipeline } from '@vm-task/bus/read-pipeline';
import type { Expressions } from '@vm-task/pipelines/expressions/fill';
import type { SystemConfig } from '@vm-task/service/config';
import { flow } from '@vm-task/shared/flow';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { type TaskKey, taskOfCompleted } from '@vm-task/shared/subjects';
import type { Admission } from './admission.ts';
import { onPipelineAdvanced } from './on-pipeline-advanced.ts';
import { onPipelineCancel } from './on-pipeline-cancel.ts';
import { onPipelineCancelling } from './on-pipeline-cancelling.ts';
import { onPipelineCreated } from './on-pipeline-created.ts';
import { onPipelineSubmit } from './on-pipeline-submit.ts';
import { onTaskCompleted } from './on-task-completed.ts';
import { type ReadPipeline, rememberPipelines } from './pipelines/pipeline-reader.ts';

export interface PipelineWork {
  readonly bus: Bus;
  readonly config: SystemConfig;
  readonly admission: Pick<Admission, 'refusal'>;
  readonly expressions: Expressions;
  /** True when the task is known to be no part of a pipeline, as nearly all are: its end is not even read. */
  readonly isPlain: (task: TaskId) => boolean;
  /** Of each kind of message. Decisions about one pipeline get in each other's way; of different ones, each waits for the broker. */
  readonly slots: number;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

/** The states of pipelines, remembered for whoever asks here. */
export function pipelineReader({ connection }: Pick<Bus, 'connection'>): ReadPipeline {
  return rememberPipelines((pipeline, known) => readPipeline(connection, pipeline, known));
}

/** Works until `stop`; resolves when nothing is in flight any more. */
export async function workPipelines({
  bus,
  config,
  admission,
  expressions,
  isPlain,
  slots,
  stop,
  abort,
}: PipelineWork): Promise<void> {
  const { connection } = bus;
  const deps = {
    bus,
    config,
    admission,
    expressions,
    readPipeline: pipelineReader(bus),
    readOutput: (run: Parameters<typeof readOutput>[1]) => readOutput(connection, run),
    readMachine: (run: TaskKey) => readMachine(connection, run),
    readDecisions: (pipeline: PipelineId) => readDecisions(connection, pipeline),
    findCreated: (task: TaskId) => findCreated(connection, task),
  };
  const commands = { slots, stop, abort };
  // Each asks the pipeline's own state what is still to be done, so the head is not looked at before.
  const events = { ...commands, past: true };
  const isPlainEnd = (subject: string) => {
    const task = taskOfCompleted(subject);
    return task !== null && isPlain(task);
  };
  const ends = { ...events, skip: isPlainEnd };
  await Promise.all([
    bus.workMessages(flow.intakeOnPipelineSubmit, (handling) => onPipelineSubmit(deps, handling), commands),
    bus.workMessages(flow.intakeOnPipelineCancel, (handling) => onPipelineCancel(deps, handling), commands),
    bus.workEvents(flow.intakeOnPipelineCreated, (handling) => onPipelineCreated(deps, handling), events),
    bus.workEvents(flow.intakeOnPipelineAdvanced, (handling) => onPipelineAdvanced(deps, handling), events),
    bus.workEvents(flow.intakeOnPipelineCancelling, (handling) => onPipelineCancelling(deps, handling), events),
    bus.workEvents(flow.intakeOnTaskCompleted, (handling) => onTaskCompleted(deps, handling), ends),
  ]);
}
