/** The one connection to an attempt's machine: made at first use, and made anew when it is lost while the VM lives. */
import { setTimeout as delay } from 'node:timers/promises';
import { errorInfo, VmTaskError } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import type { VmId } from '@vm-task/shared/ids';
import type { ConnectGuest, Guest } from './guest.ts';
import type { GuestLog } from './guest-log.ts';

/** Black holes of minutes are survived; a machine that is silent for longer is taken for lost (I9). */
export const contactLostMs = 5 * 60_000;
/**
 * A VM that runs and refuses connections has lost its SSH server, and so its supervisor: `kill -9 -1` does that. Sshd that is
 * restarted there, as by an upgrade, is back in a few seconds, also without hardware virtualisation.
 */
export const refusedLimitMs = 15_000;
/** A try that ends within this was refused; a machine that is silent takes longer. */
const refusalMs = 5_000;
/** Between two tries: short against what a person notices, long against a login. */
const pauseMs = 250;
/** A new clone's sshd listens a moment after the clone is ready. */
const firstPauseMs = 25;
/** A connection that ended sooner says nothing of a machine that works; the next pause is longer, up to the longest. */
const steadyMs = 30_000;
const longestPauseMs = 10_000;

/** True, false, or null where this host cannot know. */
export type IsVmAlive = (vm: VmId) => Promise<boolean | null>;

export interface ContactOptions {
  readonly ready: EventData<'vm.ready'>;
  readonly connect: ConnectGuest;
  readonly isVmAlive: IsVmAlive;
  /** For so long it may refuse connections while it runs; null for a machine that people may restart. */
  readonly refusedMs: number | null;
  readonly signal: AbortSignal;
  readonly log: GuestLog;
  /** For tests: what passes the time between two tries. */
  readonly pause?: (ms: number) => Promise<void>;
}

export class Contact implements AsyncDisposable {
  readonly #options: ContactOptions;
  #guest: Guest | null = null;
  #connectedAt = 0;
  /** Of connections in a row that ended soon: how many, and since when. */
  #short = { count: 0, since: 0 };

  constructor(options: ContactOptions) {
    this.#options = options;
  }

  /**
   * What `action` returns. When the connection is lost meanwhile, `action` runs again on the next one, so it must be
   * repeatable. `signal` may end it before the contact's own does. @throws `vm-lost`, `ssh-host-key-mismatch`,
   * `ssh-auth-failed`; `guest-failed` for a machine that refuses or ends every connection; what `action` throws; the
   * signal's reason.
   */
  async reach<T>(action: (guest: Guest) => Promise<T>, signal = this.#options.signal): Promise<T> {
    for (;;) {
      this.#guest ??= await this.#connect(signal);
      try {
        return await action(this.#guest);
      } catch (error) {
        signal.throwIfAborted();
        if (!isOutage(error)) throw error;
        this.#options.log.warn({ err: error }, 'the connection to the VM is lost; connecting again');
        await this[Symbol.asyncDispose]();
        await this.#pause(this.#pauseAfterLoss(error), signal);
      }
    }
  }

  async #connect(signal: AbortSignal): Promise<Guest> {
    const { ready, connect } = this.#options;
    const since = performance.now();
    let refusedSince = since;
    for (let tries = 1; ; tries++) {
      const begun = performance.now();
      try {
        const guest = await connect(ready, signal);
        this.#connectedAt = performance.now();
        return guest;
      } catch (error) {
        signal.throwIfAborted();
        if (!isOutage(error)) throw error;
        const now = performance.now();
        if (now - begun > refusalMs) refusedSince = now;
        await this.#mayLive(now - since, now - refusedSince, error);
        await this.#pause(Math.min(pauseMs, firstPauseMs * 2 ** (tries - 1)), signal);
      }
    }
  }

  /** Returns while the machine that was not reached may live, after so long. @throws `vm-lost`, `guest-failed`. */
  async #mayLive(silentMs: number, refusedMs: number, error: unknown): Promise<void> {
    const { ready, isVmAlive, refusedMs: refusedMaxMs } = this.#options;
    const said = errorInfo(error).message;
    if ((await isVmAlive(ready.vm)) === false) throw lost(`the process of ${ready.vm} has ended`, error);
    if (refusedMaxMs !== null && refusedMs > refusedMaxMs) throw refuses(ready.vm, refusedMaxMs, error);
    if (silentMs > contactLostMs)
      throw lost(`${ready.vm} has not answered for ${Math.round(silentMs / 1_000)} s: ${said}`, error);
  }

  /** @throws `guest-failed`. */
  #pauseAfterLoss(error: unknown): number {
    const now = performance.now();
    if (now - this.#connectedAt >= steadyMs) this.#short = { count: 0, since: now };
    if (this.#short.count === 0) this.#short.since = now;
    const { count, since } = this.#short;
    if (now - since > contactLostMs) throw endsEach(count, errorInfo(error).message, error);
    this.#short.count += 1;
    return Math.min(longestPauseMs, pauseMs * 2 ** count);
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { pause } = this.#options;
    return pause === undefined ? delay(ms, undefined, { signal }) : pause(ms);
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

function endsEach(count: number, said: string, cause: unknown): VmTaskError {
  const message = `the machine lets us in and has ended ${count} connections in a row, each within ${steadyMs / 1_000} s: ${said}`;
  return new VmTaskError('guest-failed', message, { cause });
}

function refuses(vm: VmId, ms: number, cause: unknown): VmTaskError {
  const message = `${vm} runs and has refused every connection for ${ms / 1_000} s: its SSH server has ended, and what ran in it is lost`;
  return new VmTaskError('guest-failed', message, { cause });
}

function lost(message: string, cause: unknown): VmTaskError {
  return new VmTaskError('vm-lost', message, { cause });
}
