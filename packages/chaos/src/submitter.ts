/**
 * Whoever wants the tasks done: submits by HTTP with a key, once more for as long as nobody has answered, or publishes
 * a command as any NATS client does. What was said yes to is written down here, and nowhere else.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@vm-task/bus/connection';
import type { Client } from '@vm-task/client/client';
import { VmTaskError } from '@vm-task/shared/errors';
import { commandSubjects } from '@vm-task/shared/subjects';
import { type PlannedPipeline, pipelineName } from './planned-pipeline.ts';
import type { PlannedTask } from './planned-task.ts';

export interface Submission {
  readonly task: PlannedTask;
  /** Every id that a request was answered with: one, however often it was asked. */
  readonly ids: Set<string>;
  /** The command's sequence, once the stream has acknowledged it. */
  commandSeq: number | null;
  /** From the first request on, the task may be cancelled. */
  cancel: 'not asked' | 'asked' | 'accepted';
}

export interface PipelineSubmission {
  readonly pipeline: PlannedPipeline;
  /** Every id that a request was answered with. */
  readonly ids: Set<string>;
  /** The command's sequence, once the stream has acknowledged it. */
  commandSeq: number | null;
  /** From the first request on, it may be cancelled. */
  isCancelAsked: boolean;
}

export function wasAccepted({ ids, commandSeq }: Submission): boolean {
  return ids.size > 0 || commandSeq !== null;
}

export interface SubmitterOptions {
  readonly seed: number;
  readonly client: Client;
  /** A connection as the user who may publish commands and nothing else. */
  readonly commands: Connection;
  /** The id of a planned task, once the stream has it. */
  readonly idOf: (task: number) => string | null;
  /** The same of a pipeline, by its name. */
  readonly pipelineIdOf: (name: string) => string | null;
  /** Aborted: nothing is asked for any more. */
  readonly signal: AbortSignal;
}

const pauseMs = 300;

export class Submitter {
  readonly submissions: Submission[] = [];
  readonly pipelines: PipelineSubmission[] = [];
  readonly #options: SubmitterOptions;
  readonly #errands = new Set<Promise<void>>();
  #asking = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  /** Submissions that nobody has answered yet. */
  get asking(): number {
    return this.#asking;
  }

  /** Returns at once; the requests are made, and a cancel comes, in their own time. */
  begin(task: PlannedTask): void {
    const submission = newSubmission(task);
    this.submissions.push(submission);
    this.#run(this.#see(submission));
  }

  /** The same for a pipeline; its stages are tasks that nobody submits. */
  beginPipeline(pipeline: PlannedPipeline): void {
    const submission: PipelineSubmission = { pipeline, ids: new Set(), commandSeq: null, isCancelAsked: false };
    const stages = pipeline.stages.map(newSubmission);
    this.pipelines.push(submission);
    this.submissions.push(...stages);
    this.#run(this.#seePipeline(submission, stages));
  }

  #run(work: Promise<void>): void {
    const errand = work.finally(() => this.#errands.delete(errand));
    this.#errands.add(errand);
  }

  /** Returns when every request has been answered or given up. @throws what no submitter should ever meet. */
  async settled(): Promise<void> {
    while (this.#errands.size > 0) await Promise.all(this.#errands);
  }

  async #see(submission: Submission): Promise<void> {
    const { task } = submission;
    this.#asking += 1;
    if (task.via === 'command') await this.#publish(submission);
    else await Promise.all(Array.from({ length: task.via === 'http' ? 1 : 2 }, () => this.#post(submission)));
    this.#asking -= 1;
    if (task.cancel === null) return;
    await this.#pause(task.cancel.afterMs);
    await this.#cancel(submission, task.cancel.via);
  }

  async #post({ task, ids }: Submission): Promise<void> {
    const id = await this.#untilAnswered(() =>
      this.#options.client.tasks.submit(task.file, `chaos-${this.#options.seed}-${task.number}`),
    );
    if (id !== null) ids.add(id);
  }

  async #seePipeline(submission: PipelineSubmission, stages: readonly Submission[]): Promise<void> {
    const { client, commands, seed } = this.#options;
    const { number, via, submission: body, cancelAfterMs } = submission.pipeline;
    this.#asking += 1;
    if (via === 'http') {
      const id = await this.#untilAnswered(() => client.pipelines.submit(body, `chaos-${seed}-${number}`));
      if (id !== null) submission.ids.add(id);
    } else submission.commandSeq = await publishOnce(commands, commandSubjects.submitPipeline, body);
    this.#asking -= 1;
    if (cancelAfterMs === null) return;
    await this.#pause(cancelAfterMs);
    const id = this.#options.pipelineIdOf(pipelineName(number));
    if (id === null) return;
    submission.isCancelAsked = true;
    for (const stage of stages) stage.cancel = 'asked';
    await this.#untilAnswered(() => client.pipelines.cancel(id));
  }

  /** Once only: without an answer nobody knows whether it is stored, and a second one would be a second task. */
  async #publish(submission: Submission): Promise<void> {
    const { task } = submission;
    submission.commandSeq = await publishOnce(this.#options.commands, commandSubjects.submit, task.file);
  }

  async #cancel(submission: Submission, via: 'http' | 'command'): Promise<void> {
    const id = await this.#idOf(submission);
    if (id === null) return;
    submission.cancel = 'asked';
    const { client, commands } = this.#options;
    const answered =
      via === 'http'
        ? await this.#untilAnswered(() => client.tasks.cancel(id).then(() => 'yes' as const))
        : await this.#untilAnswered(async () => {
            await commands.js.publish(commandSubjects.cancel, JSON.stringify({ task: id }));
            return 'yes' as const;
          });
    if (answered !== null && via === 'http') submission.cancel = 'accepted';
  }

  /** A command's task has its id from the stream: until intake has made it, there is nothing to cancel. */
  async #idOf({ task, ids }: Submission): Promise<string | null> {
    const { idOf, signal } = this.#options;
    while (!signal.aborted) {
      const id = [...ids][0] ?? idOf(task.number);
      if (id !== null) return id;
      await this.#pause(pauseMs);
    }
    return null;
  }

  /** Null when nobody answered until the end, or when the answer is no. */
  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T | null> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      try {
        return await ask();
      } catch (error) {
        if (isNo(error)) return null;
        await this.#pause(pauseMs);
      }
    }
    return null;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#options.signal }).catch(() => undefined);
  }
}

function newSubmission(task: PlannedTask): Submission {
  return { task, ids: new Set(), commandSeq: null, cancel: 'not asked' };
}

/** Its sequence, or null when nobody knows whether it is stored. */
async function publishOnce({ js }: Connection, subject: string, body: object): Promise<number | null> {
  const acknowledged = await js.publish(subject, JSON.stringify(body), { retries: 1 }).catch(() => null);
  return acknowledged?.seq ?? null;
}

/** A cancel that came too late. @throws what is wrong with the request itself, because this load has no such request. */
function isNo(error: unknown): boolean {
  if (!(error instanceof VmTaskError)) return false;
  if (error.code === 'task-already-over' || error.code === 'pipeline-already-over') return true;
  const wrong = [
    'invalid-task',
    'invalid-pipeline',
    'invalid-request',
    'idempotency-conflict',
    'unauthorized',
    'not-found',
  ];
  if (wrong.includes(error.code)) throw error;
  return false;
}
