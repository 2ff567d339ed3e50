/**
 * The guest API: what a task may ask for while its main process runs: HTTP on a unix socket there, which its runner
 * holds open over SSH and answers itself. All of it is about this one task, because a server is one task's.
 *
 * | file | role |
 * |---|---|
 * | `app.ts`, `request.ts`, `deps.ts` | the server: bodies as bytes, errors as problem details; what its routes are given |
 * | `pace.ts` | how often a task is answered |
 * | `tell-task.ts` | the task, its inputs, what the stages that it needs left |
 * | `complete.ts` | the result: in the guest before it is acknowledged (I8) |
 * | `progress.ts`, `progress-line.ts` | shown live; at most one a second is stored (I13) |
 * | `alerts.ts`, `messages.ts` | to people, and from them |
 * | `children.ts` | tasks of its own |
 */
import type { Duplex } from 'node:stream';
import type { ServeConnection } from '@vm-task/guest/forward-socket';
import type { Guest } from '../guest.ts';
import { createApp } from './app.ts';
import type { Asking, GuestApiDeps, GuestApiServer } from './deps.ts';
import { ProgressLine } from './progress-line.ts';

/** Connections at once: whoever comes later is turned away, and `vm-task` in the VM tries again. */
const connectionsMax = 8;

export class GuestApi implements AsyncDisposable {
  readonly #deps: GuestApiDeps;
  readonly #channels = new Set<Duplex>();
  #guest: Guest | null = null;
  /** Made for the first who asks: most tasks never do. */
  #app: Promise<GuestApiServer> | null = null;

  constructor(asking: Asking, { bus, config, log }: Pick<GuestApiDeps, 'bus' | 'config' | 'log'>) {
    const progress = new ProgressLine(bus.connection, asking.attempt.ready, log);
    this.#deps = { ...asking, bus, config, log, progress, guest: () => this.#reached() };
  }

  /** Serves what comes over this connection to the machine, which is the only one from now on. */
  over(guest: Guest): ServeConnection {
    this.#guest = guest;
    return (accept) => {
      if (this.#channels.size >= connectionsMax) return false;
      void this.#serve(accept());
      return true;
    };
  }

  async #serve(channel: Duplex): Promise<void> {
    this.#channels.add(channel);
    channel.once('close', () => this.#channels.delete(channel));
    try {
      this.#app ??= createApp(this.#deps);
      (await this.#app).server.emit('connection', channel);
    } catch (error) {
      this.#deps.log.error({ err: error }, 'a connection to the guest API cannot be served');
      channel.destroy();
    }
  }

  #reached(): Guest {
    if (this.#guest === null) throw new Error('nothing can be asked before there is a connection');
    return this.#guest;
  }

  /** Whoever still asks is cut off: there is no process any more that could. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const channel of this.#channels) channel.destroy();
    await (await this.#app)?.close();
    await this.#deps.progress[Symbol.asyncDispose]();
  }
}
