/**
 * Whoever wants the tasks done: submits by HTTP with a key, once more for as long as nobody has answered, or publishes
 * a command as any NATS client does. What was said yes to is written down here, and nowhere else.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@vm-task/cli/client';
import type { Connection } from '@vm-task/shared/bus/connection';
import { VmTaskError } from '@vm-task/shared/errors';
import { commandSubjects } from '@vm-task/shared/subjects';
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
  /** Aborted: nothing is asked for any more. */
  readonly signal: AbortSignal;
}

const pauseMs = 300;

export class Submitter {
  readonly submissions: Submission[] = [];
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
    const submission: Submission = { task, ids: new Set(), commandSeq: null, cancel: 'not asked' };
    this.submissions.push(submission);
    const errand = this.#see(submission).finally(() => this.#errands.delete(errand));
    this.#errands.add(errand);
  }

  /** Returns when every request has been answered or given up. Thrown: what no submitter should ever meet. */
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
      this.#options.client.submit(task.file, `chaos-${this.#options.seed}-${task.number}`),
    );
    if (id !== null) ids.add(id);
  }

  /** Once only: without an answer nobody knows whether it is stored, and a second one would be a second task. */
  async #publish(submission: Submission): Promise<void> {
    const { commands } = this.#options;
    const text = JSON.stringify(submission.task.file);
    const acknowledged = await commands.js.publish(commandSubjects.submit, text, { retries: 1 }).catch(() => null);
    submission.commandSeq = acknowledged?.seq ?? null;
  }

  async #cancel(submission: Submission, via: 'http' | 'command'): Promise<void> {
    const id = await this.#idOf(submission);
    if (id === null) return;
    submission.cancel = 'asked';
    const { client, commands } = this.#options;
    const answered =
      via === 'http'
        ? await this.#untilAnswered(() => client.cancel(id).then(() => 'yes' as const))
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

/** A cancel that came too late. Thrown: what is wrong with the request itself, because this load has no such request. */
function isNo(error: unknown): boolean {
  if (!(error instanceof VmTaskError)) return false;
  if (error.code === 'task-already-over') return true;
  const wrong = ['invalid-task', 'invalid-request', 'idempotency-conflict', 'unauthorized', 'not-found'];
  if (wrong.includes(error.code)) throw error;
  return false;
}
