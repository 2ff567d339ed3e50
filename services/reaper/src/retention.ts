/**
 * Forgetting what ended long ago. The oldest message of the log decides what is looked at next, so nothing has to be
 * remembered of what has ended. A pipeline's tasks stay until it is forgotten itself, and it until those that resume it
 * are: later stages ask for the results.
 */
import type { BrokerClock } from '@vm-task/bus/broker-clock';
import type { Connection } from '@vm-task/bus/connection';
import { decode, type RawMessage } from '@vm-task/bus/envelope';
import { isThereTask, nextMessage } from '@vm-task/bus/find-task';
import { purgePipeline, purgeSubject, purgeTask } from '@vm-task/bus/purge';
import { type History, lastOf, readHistory } from '@vm-task/bus/task-history';
import { isTaskEnd } from '@vm-task/shared/events';
import { isTaskId, type PipelineId } from '@vm-task/shared/ids';
import { factsOfSubject, pipelineSubject, type TaskKey } from '@vm-task/shared/subjects';
import type { NewestTasks } from './newest-tasks.ts';
import type { ResumedPipelines } from './resumed-pipelines.ts';

export interface RetentionOptions {
  readonly connection: Connection;
  readonly clock: BrokerClock;
  readonly retentionMs: number;
  /** Null: there may be any number. */
  readonly newest: NewestTasks | null;
  readonly resumed: ResumedPipelines;
  readonly stop: AbortSignal;
}

/** What is before one of these two is to be forgotten. */
interface Limit {
  readonly ms: number;
  readonly seq: number;
}

function isBefore({ ms, seq }: Limit, message: { readonly time: Date; readonly seq: number }): boolean {
  return message.seq < seq || message.time.getTime() < ms;
}

/** What was passed over is looked at again after so long: whoever kept it may have gone since. */
const againAfterMs = 3_600_000;
/** Remembered of what was passed over, so that a task is read at its beginning and at its end, and not for each message. */
const mostPassed = 10_000;

export class Retention {
  readonly #options: RetentionOptions;
  readonly #passed = new Set<string>();
  #next = 1;
  #begunMs = 0;
  /** What was passed over on the way may be free now. */
  #isToBegin = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Forgets, one after another, all that is to be forgotten now; returns when that is done, or `stop` came. */
  async forgetOld(): Promise<void> {
    const { connection, clock, retentionMs, newest, stop } = this.#options;
    while (!stop.aborted) {
      const seq = (await newest?.beforeSeq()) ?? 0;
      if (clock.nowMs() - this.#begunMs > againAfterMs) this.#next = 1;
      if (this.#next === 1) this.#begin();
      const message = await nextMessage(connection, this.#next);
      const limit = { ms: clock.nowMs() - retentionMs, seq };
      if (message !== null && isBefore(limit, message)) {
        await this.#check(message, limit);
        this.#next = message.seq + 1;
      } else if (this.#isToBegin) {
        this.#next = 1;
      } else return;
    }
  }

  #begin(): void {
    this.#begunMs = this.#options.clock.nowMs();
    this.#isToBegin = false;
    this.#passed.clear();
  }

  async #check(message: RawMessage, limit: Limit): Promise<void> {
    const { connection } = this.#options;
    const facts = factsOfSubject(message.subject);
    const about = facts?.about ?? null;
    const key = JSON.stringify(about);
    const isEnd = facts?.type === 'task.completed' || facts?.type === 'pipeline.completed';
    if (this.#passed.has(key) && !isEnd) return;
    if (about !== null && 'task' in about) {
      if ((await this.#checkTask(about, message.subject, limit)) === 'kept') this.#pass(key);
    } else if (about !== null && 'pipeline' in about) {
      if ((await this.#checkPipeline(about.pipeline, limit)) === 'kept') this.#pass(key);
    } else if (!(await isWanted(connection, message))) {
      await purgeSubject(connection, message.subject);
    }
  }

  #pass(key: string): void {
    if (this.#passed.size >= mostPassed) this.#passed.clear();
    this.#passed.add(key);
  }

  async #checkTask(key: TaskKey, subject: string, limit: Limit): Promise<'kept' | 'forgotten'> {
    const { connection } = this.#options;
    const history = await readHistory(connection, key);
    const end = history.events.at(-1);
    if (end === undefined) {
      // Somebody spoke of a task that is not there.
      await purgeSubject(connection, subject);
      return 'forgotten';
    }
    if (!isTaskEnd(end) || !isBefore(limit, end)) return 'kept';
    const stage = stageOf(history);
    if (stage === 'unknown' || (stage !== null && (await isThere(connection, stage)))) return 'kept';
    await purgeTask(connection, key, history);
    return 'forgotten';
  }

  /** Its tasks are tasks like others then, and are found when it is begun again. */
  async #checkPipeline(pipeline: PipelineId, limit: Limit): Promise<'kept' | 'forgotten'> {
    const { connection, resumed } = this.#options;
    const { events } = await readHistory(connection, { pipeline });
    const end = events.at(-1);
    if (end?.type !== 'pipeline.completed' || !isBefore(limit, end)) return 'kept';
    for (const by of resumed.by(pipeline)) {
      if (await isThere(connection, by)) return 'kept';
      resumed.forget(by);
    }
    await purgePipeline(connection, pipeline);
    this.#isToBegin = true;
    return 'forgotten';
  }
}

/** The pipeline of which the task is a stage. */
function stageOf(history: History): PipelineId | null | 'unknown' {
  const created = lastOf(history, 'task.created');
  return created === null ? 'unknown' : (created.data.stage?.pipeline ?? null);
}

async function isThere({ jsm }: Connection, pipeline: PipelineId): Promise<boolean> {
  return (
    (await jsm.streams.getMessage('EVENTS', { last_by_subj: pipelineSubject('pipeline.created', pipeline) })) !== null
  );
}

/** What is said of a VM, or to people, is wanted for as long as the task is there that it names. */
async function isWanted(connection: Connection, message: RawMessage): Promise<boolean> {
  const decoded = decode(message);
  if (decoded.kind === 'none') return false;
  const { event } = decoded;
  if (event.type === 'unknown') return true;
  const task = event.type === 'alert.raised' ? event.data.id : event.type === 'vm.gone' ? event.data.task : null;
  return task !== null && isTaskId(task) && (await isThereTask(connection, task));
}
