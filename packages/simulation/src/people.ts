/** Those who submit and cancel: over HTTP, where a yes is a promise, or with any NATS client, where the stream's is. */

import { headers } from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';
import { type TaskId, taskIdFromCause } from '@vm-task/shared/ids';
import { commandSubjects } from '@vm-task/shared/subjects';
import type { Broker } from './broker/broker.ts';
import type { PlannedTask } from './load.ts';
import type { BrokerHost } from './network.ts';
import type { Observations } from './observations.ts';
import type { Properties } from './properties.ts';
import type { Service } from './services.ts';
import type { VirtualTime } from './virtual-time.ts';

interface Surroundings {
  readonly time: VirtualTime;
  readonly broker: Broker;
  readonly brokerHost: BrokerHost;
  readonly services: readonly Service[];
  readonly properties: Properties;
  readonly observations: Observations;
}

const pool = 'default';
/** Who gets no answer tries again, with a task of its own. */
const retryMs = 3_000;

export class People {
  readonly #around: Surroundings;
  /** Every task that somebody was told is accepted. */
  readonly #accepted = new Set<TaskId>();
  #requests = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get accepted(): ReadonlySet<TaskId> {
    return this.#accepted;
  }

  follow(plan: readonly PlannedTask[]): void {
    for (const task of plan) this.#around.time.after(task.atMs, null, () => this.#submit(task));
  }

  #submit(planned: PlannedTask): void {
    if (planned.how === 'command') this.#submitCommand(planned);
    else this.#submitByHttp(planned);
  }

  #submitCommand(planned: PlannedTask): void {
    const { broker, brokerHost, time } = this.#around;
    if (!brokerHost.isUp) {
      time.after(retryMs, null, () => this.#submit(planned));
      return;
    }
    const seq = this.#command(commandSubjects.submit, planned.file);
    const message = broker.stream('COMMANDS').at(seq);
    if (message === null) throw new Error('it was stored');
    this.#taken(taskIdFromCause(message.timeMs, 'COMMANDS', String(seq)), planned);
  }

  #submitByHttp(planned: PlannedTask): void {
    const { time, services, properties, observations } = this.#around;
    const intake = services.find(({ name }) => name === 'intake');
    if (intake === undefined) return;
    const submission = { body: planned.file, key: null, requestId: `request-${++this.#requests}` };
    intake.accept(submission).then(
      ({ id }) => {
        properties.accepted(id, 'intake');
        this.#taken(id, planned);
      },
      (error: unknown) => {
        if (error instanceof VmTaskError && error.code === 'stream-full') {
          observations.sometimes('a task was refused for want of room');
        }
        time.after(retryMs, null, () => this.#submit(planned));
      },
    );
  }

  #taken(task: TaskId, { cancelAfterMs }: PlannedTask): void {
    this.#accepted.add(task);
    if (cancelAfterMs !== null) this.#around.time.after(cancelAfterMs, null, () => this.#cancel(task));
  }

  #cancel(task: TaskId): void {
    const { services, brokerHost, observations } = this.#around;
    const intake = services.find(({ name }) => name === 'intake');
    observations.trace(`somebody cancels ${task}`);
    // Whoever gets no answer asks again by a command, which waits until intake is there.
    intake?.cancel({ pool, task }).catch(() => {
      if (brokerHost.isUp) this.#command(commandSubjects.cancel, { task, reason: 'by chance' });
    });
  }

  #command(subject: string, body: object): number {
    const data = Buffer.from(JSON.stringify(body));
    const { seq } = this.#around.broker.publish({ subject, headers: headers(), data, msgId: null, expect: null });
    return seq;
  }
}
