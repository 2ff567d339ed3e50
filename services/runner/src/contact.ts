/** The one connection to an attempt's machine: made at first use, and made anew when it is lost while the VM lives. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@vm-task/service/log';
import { backOffMs } from '@vm-task/shared/back-off';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import type { VmId } from '@vm-task/shared/ids';
import type { ConnectGuest, Guest } from './guest.ts';

/** Black holes of minutes are survived; a machine that is silent for longer is taken for lost (I9). */
export const contactLostMs = 5 * 60_000;
/** Between two tries: a new clone's sshd listens a moment after the clone is ready; later it is long against a login. */
const pauses = { firstMs: 25, longestMs: 250 };

/** True, false, or null where this host cannot know. */
export type IsVmAlive = (vm: VmId) => Promise<boolean | null>;

export interface ContactOptions {
  readonly ready: EventData<'vm.ready'>;
  readonly connect: ConnectGuest;
  readonly isVmAlive: IsVmAlive;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

export class Contact implements AsyncDisposable {
  readonly #options: ContactOptions;
  #guest: Guest | null = null;

  constructor(options: ContactOptions) {
    this.#options = options;
  }

  /**
   * What `action` returns. When the connection is lost meanwhile, `action` runs again on the next one, so it must be
   * repeatable. @throws `vm-lost`, `ssh-host-key-mismatch`, `ssh-auth-failed`; what `action` throws; the signal's reason.
   */
  async reach<T>(action: (guest: Guest) => Promise<T>): Promise<T> {
    for (;;) {
      this.#guest ??= await this.#connect();
      try {
        return await action(this.#guest);
      } catch (error) {
        this.#options.signal.throwIfAborted();
        if (!isOutage(error)) throw error;
        this.#options.log.warn({ err: error }, 'the connection to the VM is lost; connecting again');
        await this[Symbol.asyncDispose]();
        await this.#pause(1);
      }
    }
  }

  async #connect(): Promise<Guest> {
    const { ready, connect, isVmAlive, signal } = this.#options;
    const since = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        return await connect(ready, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!isOutage(error)) throw error;
        const said = errorInfo(error).message;
        if ((await isVmAlive(ready.vm)) === false) throw lost(`the process of ${ready.vm} has ended`, error);
        const silentMs = performance.now() - since;
        if (silentMs > contactLostMs)
          throw lost(`${ready.vm} has not answered for ${Math.round(silentMs / 1_000)} s: ${said}`, error);
        await this.#pause(tries);
      }
    }
  }

  #pause(tries: number): Promise<void> {
    return delay(backOffMs(pauses, tries), undefined, { signal: this.#options.signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const guest = this.#guest;
    this.#guest = null;
    await guest?.[Symbol.asyncDispose]();
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof VmTaskError && (error.code === 'ssh-lost' || error.code === 'ssh-unreachable');
}

function lost(message: string, cause: unknown): VmTaskError {
  return new VmTaskError('vm-lost', message, { cause });
}
