/** Everything that the streams hold, read by a connection of our own from the first message on. */

import type { Connection } from '@vm-task/bus/connection';
import type { RawMessage } from '@vm-task/bus/envelope';
import { follow } from '@vm-task/bus/follow';
import type { Stored } from '@vm-task/shared/events';
import { commandSubjects, everything, type LogStream } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { storedIn } from '@vm-task/testing/stored';

export interface OutputChunk {
  readonly offset: number;
  readonly bytes: Buffer;
}

export interface StreamContents {
  readonly events: readonly Stored[];
  /** Sequences of stored `pipeline.submit`. */
  readonly pipelineCommands: ReadonlySet<number>;
  /** Sequence of every stored `task.submit` → the planned task that it asks for. */
  readonly commands: ReadonlyMap<number, number>;
  /** `<task>/<attempt>/<stream>` → its chunks, in the order of the stream. */
  readonly output: ReadonlyMap<string, readonly OutputChunk[]>;
}

export const outputKey = (task: string, attempt: number, stream: LogStream): string => `${task}/${attempt}/${stream}`;

export class StreamWatch implements StreamContents, AsyncDisposable {
  readonly events: Stored[] = [];
  readonly commands = new Map<number, number>();
  readonly pipelineCommands = new Set<number>();
  readonly output = new Map<string, OutputChunk[]>();
  /** Planned task → the task that the stream has for it. */
  readonly ids = new Map<number, string>();
  /** Name of a pipeline → the one that the stream has for it. */
  readonly pipelineIds = new Map<string, string>();
  readonly #connection: Connection;
  readonly #read = { EVENTS: 0, COMMANDS: 0, LOGS: 0 };
  readonly #live = new Set<string>();
  readonly #stop = new AbortController();
  readonly #watching: Promise<unknown>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#watching = Promise.all([
      this.#watch('EVENTS', (message) => this.#takeEvent(message)),
      this.#watch('COMMANDS', (message) => this.#takeCommand(message)),
      this.#watch('LOGS', (message) => this.#takeOutput(message)),
    ]);
  }

  /** Tasks and pipelines that are created and not over. */
  get inFlight(): number {
    return this.#live.size;
  }

  /** Returns when everything that is stored by now has been read. */
  async caughtUp(limitMs: number): Promise<void> {
    for (const stream of ['EVENTS', 'COMMANDS', 'LOGS'] as const) {
      const isRead = async () => {
        const { state } = await this.#connection.jsm.streams.info(stream);
        return this.#read[stream] >= state.last_seq;
      };
      await eventually(isRead, { what: `all of ${stream} is read`, limitMs });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  async #watch(stream: 'EVENTS' | 'COMMANDS' | 'LOGS', take: (message: RawMessage) => void): Promise<void> {
    const options = { stream, filter: everything, from: 1, signal: this.#stop.signal };
    for await (const { message } of follow(this.#connection, options)) {
      take(message);
      this.#read[stream] = message.seq;
    }
  }

  #takeEvent(message: RawMessage): void {
    const event = storedIn(message);
    this.events.push(event);
    if (event.type === 'task.created') {
      this.ids.set(Number(event.data.spec.env['CHAOS_TASK']), event.data.task);
      this.#live.add(event.data.task);
    }
    if (event.type === 'task.completed') this.#live.delete(event.data.task);
    if (event.type === 'pipeline.created') {
      this.pipelineIds.set(event.data.spec.name, event.data.pipeline);
      this.#live.add(event.data.pipeline);
    }
    if (event.type === 'pipeline.completed') this.#live.delete(event.data.pipeline);
  }

  #takeCommand({ seq, subject, data }: RawMessage): void {
    if (subject === commandSubjects.submitPipeline) this.pipelineCommands.add(seq);
    if (subject !== commandSubjects.submit) return;
    const { env } = JSON.parse(Buffer.from(data).toString()) as { env: Record<string, string> };
    this.commands.set(seq, Number(env['CHAOS_TASK']));
  }

  #takeOutput({ subject, headers, data }: RawMessage): void {
    const [, task = '', attempt = '', stream = ''] = subject.split('.');
    const key = outputKey(task, Number(attempt), stream as LogStream);
    const chunks = this.output.get(key) ?? [];
    this.output.set(key, chunks);
    chunks.push({ offset: Number(headers?.get('vm-task-offset')), bytes: Buffer.from(data) });
  }
}
