/** Those who submit and cancel: over HTTP, where a yes is a promise, or with any NATS client, where the stream's is. */

import { headers } from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { pipelineIdFromCause, taskIdFromCause } from '@vm-task/shared/new-ids';
import { commandSubjects } from '@vm-task/shared/subjects';
import type { Broker } from './broker/broker.ts';
import type { Intake } from './intake.ts';
import type { Planned } from './load.ts';
import type { BrokerHost } from './network.ts';
import type { Observations } from './observations.ts';
import type { Service } from './services.ts';
import type { VirtualTime } from './virtual-time.ts';

interface Surroundings {
  readonly time: VirtualTime;
  readonly broker: Broker;
  readonly brokerHost: BrokerHost;
  readonly services: readonly Service[];
  readonly observations: Observations;
  /** Told the moment that somebody is told yes. */
  readonly onAccepted: (id: TaskId | PipelineId) => void;
}

/** How one asks for a task, or for a pipeline. */
interface Asking<Id extends TaskId | PipelineId> {
  readonly submitSubject: string;
  readonly cancelSubject: string;
  readonly idFromCause: (atMs: number, ...cause: string[]) => Id;
  readonly accept: (intake: Intake, file: object, requestId: string) => Promise<Id>;
  readonly cancel: (intake: Intake, id: Id) => Promise<void>;
}

const forTasks: Asking<TaskId> = {
  submitSubject: commandSubjects.submit,
  cancelSubject: commandSubjects.cancel,
  idFromCause: taskIdFromCause,
  accept: (intake, file, requestId) => intake.acceptTask(file, requestId),
  cancel: (intake, task) => intake.cancelTask(task),
};

const forPipelines: Asking<PipelineId> = {
  submitSubject: commandSubjects.submitPipeline,
  cancelSubject: commandSubjects.cancelPipeline,
  idFromCause: pipelineIdFromCause,
  accept: (intake, submission, requestId) => intake.acceptPipeline(submission, requestId),
  cancel: (intake, pipeline) => intake.cancelPipeline(pipeline),
};

/** Who gets no answer tries again, with a task of its own. */
const retryMs = 3_000;

export class People {
  readonly #around: Surroundings;
  /** Everything that somebody was told is accepted. */
  readonly #accepted = new Set<TaskId | PipelineId>();
  #requests = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get accepted(): ReadonlySet<TaskId | PipelineId> {
    return this.#accepted;
  }

  follow(plan: readonly Planned[]): void {
    for (const planned of plan) {
      const submit = () =>
        planned.what === 'task' ? this.#submit(planned, forTasks) : this.#submit(planned, forPipelines);
      this.#around.time.after(planned.atMs, null, submit);
    }
  }

  #submit<Id extends TaskId | PipelineId>(planned: Planned, asking: Asking<Id>): void {
    if (planned.how === 'command') this.#submitCommand(planned, asking);
    else this.#submitByHttp(planned, asking);
  }

  #submitCommand<Id extends TaskId | PipelineId>(planned: Planned, asking: Asking<Id>): void {
    const { broker, brokerHost } = this.#around;
    if (!brokerHost.isUp) {
      this.#again(planned, asking);
      return;
    }
    const seq = this.#command(asking.submitSubject, planned.file);
    const message = broker.stream('COMMANDS').at(seq);
    if (message === null) throw new Error('it was stored');
    this.#taken(asking.idFromCause(message.timeMs, 'COMMANDS', String(seq)), planned, asking);
  }

  #submitByHttp<Id extends TaskId | PipelineId>(planned: Planned, asking: Asking<Id>): void {
    const { observations, onAccepted } = this.#around;
    const requestId = `request-${++this.#requests}`;
    this.#intake
      ?.askIntake((intake) => asking.accept(intake, planned.file, requestId))
      .then(
        (id) => {
          onAccepted(id);
          this.#taken(id, planned, asking);
        },
        (error: unknown) => {
          if (error instanceof VmTaskError && error.code === 'stream-full') {
            observations.sometimes('a task was refused for want of room');
          }
          this.#again(planned, asking);
        },
      );
  }

  #again<Id extends TaskId | PipelineId>(planned: Planned, asking: Asking<Id>): void {
    this.#around.time.after(retryMs, null, () => this.#submit(planned, asking));
  }

  #taken<Id extends TaskId | PipelineId>(id: Id, { what, cancelAfterMs }: Planned, asking: Asking<Id>): void {
    this.#accepted.add(id);
    if (cancelAfterMs !== null) this.#around.time.after(cancelAfterMs, null, () => this.#cancel(id, what, asking));
  }

  #cancel<Id extends TaskId | PipelineId>(id: Id, what: Planned['what'], asking: Asking<Id>): void {
    const { brokerHost, observations } = this.#around;
    observations.trace(`somebody cancels ${id}`);
    // Whoever gets no answer asks again by a command, which waits until intake is there.
    this.#intake
      ?.askIntake((intake) => asking.cancel(intake, id))
      .catch(() => {
        if (brokerHost.isUp) this.#command(asking.cancelSubject, { [what]: id, reason: 'by chance' });
      });
  }

  get #intake(): Service | undefined {
    return this.#around.services.find(({ name }) => name === 'intake');
  }

  #command(subject: string, body: object): number {
    const data = Buffer.from(JSON.stringify(body));
    const { seq } = this.#around.broker.publish({ subject, headers: headers(), data, msgId: null, expect: null });
    return seq;
  }
}
