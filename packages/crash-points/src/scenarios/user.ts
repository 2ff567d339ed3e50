/** Somebody who has tasks run, and remembers what was promised. */
import { randomUUID } from 'node:crypto';
import { openConnection } from '@vm-task/bus/connection';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { encode, eventId } from '@vm-task/bus/envelope';
import { findCreated } from '@vm-task/bus/find-task';
import { lastLogSeq } from '@vm-task/bus/output-log';
import type { Client } from '@vm-task/client/client';
import type { Draft, Stored } from '@vm-task/shared/events';
import { isPipelineId, type PipelineId, parseTaskId, type TaskId } from '@vm-task/shared/ids';
import { pipelineIdFromCause, taskIdFromCause } from '@vm-task/shared/new-ids';
import { commandSubjects, eventSubject, pipelineSubject, eventsOf as taskEvents } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { eventsOf } from '../promises/read.ts';
import { ask } from '../system/client.ts';
import type { SystemUnderTest } from '../system/system.ts';
import type { Expectation, Job } from './job.ts';

export interface Accepted {
  readonly task: TaskId;
  readonly expected: Expectation;
}

export interface PipelineJob {
  readonly file: object;
  readonly expected: {
    readonly outcome: 'succeeded' | 'failed' | 'cancelled';
    /** Of the stages that begin, each once. */
    readonly stages: Readonly<Record<string, Expectation>>;
  };
}

export interface AcceptedPipeline {
  readonly pipeline: PipelineId;
  readonly expected: PipelineJob['expected'];
}

/** A service that dies is back in seconds; with real VMs on a busy machine an attempt takes half a minute. */
const patienceMs = 180_000;

export class User {
  readonly system: SystemUnderTest;
  readonly accepted: Accepted[] = [];
  readonly pipelines: AcceptedPipeline[] = [];

  constructor(system: SystemUnderTest) {
    this.system = system;
  }

  /** By HTTP, with a key, as often as it takes to hear "accepted". */
  async submit({ file, expected }: Job): Promise<TaskId> {
    const task = parseTaskId(await this.#submit(({ tasks }, key) => tasks.submit(file, key)));
    this.accepted.push({ task, expected });
    return task;
  }

  async submitPipeline({ file, expected }: PipelineJob): Promise<PipelineId> {
    const submission = { pipeline: file, parameters: {} };
    const pipeline = await this.#submit(({ pipelines }, key) => pipelines.submit(submission, key));
    if (!isPipelineId(pipeline)) throw new Error(`${pipeline} is not a pipeline id`);
    this.pipelines.push({ pipeline, expected });
    return pipeline;
  }

  /** As a command: accepted once the stream has it. */
  async command({ file, expected }: Job): Promise<TaskId> {
    const task = taskIdFromCause(...(await this.#command(commandSubjects.submit, file)));
    this.accepted.push({ task, expected });
    return task;
  }

  async commandPipeline({ file, expected }: PipelineJob): Promise<PipelineId> {
    const submission = { pipeline: file, parameters: {} };
    const pipeline = pipelineIdFromCause(...(await this.#command(commandSubjects.submitPipeline, submission)));
    this.pipelines.push({ pipeline, expected });
    return pipeline;
  }

  /** With the rights of `as`, which is whoever may submit. Returns the sequence. */
  async publish(subject: string, body: object | string, as: 'submit' | 'provisioner' = 'submit'): Promise<number> {
    await using connection = await openConnection(readBrokerAddress(this.system.home, as), 'crash-points user');
    const data = typeof body === 'string' ? body : JSON.stringify(body);
    return (await connection.js.publish(subject, data, { msgID: randomUUID() })).seq;
  }

  /** The task's own host goes on with it, in a version that nobody here knows. */
  async resumeAsNewer(task: TaskId): Promise<void> {
    const { data, host } = await this.waitForEvent(task, 'vm.ready');
    await using connection = await openConnection(readBrokerAddress(this.system.home, 'runner'), 'crash-points user');
    const { pool, attempt, vm } = data;
    const draft: Draft = {
      type: 'task.resumed',
      data: { v: 1, task, pool, attempt, vm, runner: 'of a later version' },
      host,
    };
    const key = { pool, task };
    const resume = async () => {
      const { seq = 0 } = (await this.#jsm.streams.getMessage('EVENTS', { last_by_subj: taskEvents(key) })) ?? {};
      const { payload, headers } = encode(draft, eventId(draft, seq), 'crash-points', new Date());
      const newer = JSON.stringify({ ...JSON.parse(Buffer.from(payload).toString()), v: 99 });
      const expect = { lastSubjectSequence: seq, lastSubjectSequenceSubject: taskEvents(key) };
      return connection.js.publish(eventSubject(draft), newer, { headers, expect }).catch(() => null);
    };
    await eventually(resume, { what: 'the newer event is stored', limitMs: patienceMs });
  }

  ask<T>(question: (client: Client) => Promise<T>) {
    return ask(this.system, question);
  }

  /** Returns when every task and pipeline that was accepted has ended. */
  async waitForEnds(): Promise<void> {
    for (const { pipeline } of this.pipelines) {
      const query = { last_by_subj: pipelineSubject('pipeline.completed', pipeline) };
      const ended = () => this.#jsm.streams.getMessage('EVENTS', query);
      await eventually(ended, { what: `pipeline ${pipeline} ends`, limitMs: patienceMs });
    }
    for (const { task } of this.accepted) await this.waitForEvent(task, 'task.completed');
  }

  /** The task's last event of that type, once there is one. */
  async waitForEvent<T extends Stored['type']>(task: TaskId, type: T): Promise<Stored<T>> {
    const find = async () => (await this.#lastOf(task)).find((event) => event.type === type);
    const event = await eventually(find, { what: `task ${task} has its ${type}`, limitMs: patienceMs });
    return event as Stored<T>;
  }

  /** Returns when the task has written something. */
  async waitForOutput(task: TaskId): Promise<void> {
    const written = async () => (await lastLogSeq(this.system.bus.connection, task)) > 0;
    await eventually(written, { what: `task ${task} writes`, limitMs: patienceMs });
    await this.waitForEvent(task, 'task.setup.done');
  }

  /** With a key. Returns the id that it has got. */
  async #submit(submit: (client: Client, key: string) => Promise<string>): Promise<string> {
    const key = randomUUID();
    const heard = await this.ask((client) => submit(client, key));
    if ('answer' in heard) return heard.answer;
    throw new Error(`it was refused: ${heard.refusal.message}`);
  }

  /** Returns what its id follows from. */
  async #command(subject: string, body: object): Promise<[number, string, string]> {
    const seq = await this.publish(subject, body);
    const message = await this.#jsm.streams.getMessage('COMMANDS', { seq });
    return [message?.time.getTime() ?? 0, 'COMMANDS', String(seq)];
  }

  get #jsm() {
    return this.system.bus.connection.jsm;
  }

  /** The last of each type. */
  async #lastOf(task: TaskId): Promise<Stored[]> {
    const created = await findCreated(this.system.bus.connection, task);
    if (created === null) return [];
    return (await eventsOf(this.system.bus, task, created.seq)).toReversed();
  }
}
