/** Tasks that ask for tasks of their own, as the runner of their host stores it for them: while they run, and while they are cancelled. */
import { headers } from '@nats-io/transport-node';
import type { TaskId } from '@vm-task/shared/ids';
import { taskIdFromCause } from '@vm-task/shared/new-ids';
import { spawnSubject } from '@vm-task/shared/subjects';
import type { Broker } from './broker/broker.ts';
import { programText } from './guest.ts';
import type { BrokerHost } from './network.ts';
import type { Properties } from './properties.ts';
import type { Random } from './random.ts';
import type { SeenTask } from './seen-of-tasks.ts';
import type { VirtualTime } from './virtual-time.ts';

interface ChildrenParts {
  readonly random: Random;
  readonly time: VirtualTime;
  readonly properties: Properties;
}

const pauseMs = [500, 8_000] as const;
const longestMs = 60_000;

export class Children {
  readonly #parts: ChildrenParts;
  readonly #asked = new Map<TaskId, number>();
  readonly #ids = new Set<TaskId>();

  constructor(parts: ChildrenParts) {
    this.#parts = parts;
  }

  /** Everything that a process was told the id of. */
  get accepted(): ReadonlySet<TaskId> {
    return this.#ids;
  }

  /** Again and again until then. */
  begin(brokerHost: BrokerHost, untilMs: number): void {
    const { time, random } = this.#parts;
    const ask = () => {
      if (time.nowMs > untilMs) return;
      if (brokerHost.isUp) this.#ask(brokerHost.broker);
      time.after(random.between(...pauseMs), null, ask);
    };
    time.after(random.between(...pauseMs), null, ask);
  }

  #ask(broker: Broker): void {
    const { random, properties } = this.#parts;
    const able = properties.tasks.filter((task) => this.#mayAsk(task));
    if (able.length === 0) return;
    const { created, ready } = random.pick(able);
    if (ready === null) return;
    const parent = created.data.task;
    const n = (this.#asked.get(parent) ?? 0) + 1;
    this.#asked.set(parent, n);
    const id = taskIdFromCause(created.time.getTime(), 'child', parent, String(n));
    const ms = Math.floor(random.between(0, longestMs));
    const file = { command: programText({ bytes: 50, ms, exitCode: 0 }).split(' ') };
    const data = Buffer.from(JSON.stringify({ v: 1, id, parent, file }));
    const subject = spawnSubject(parent, n, ready.host);
    broker.publish({ subject, headers: headers(), data, msgId: null, expect: null });
    this.#ids.add(id);
  }

  #mayAsk({ created, ready, completed }: SeenTask): boolean {
    const { task, spec } = created.data;
    return ready !== null && completed === null && (this.#asked.get(task) ?? 0) < (spec.children ?? 0);
  }
}
