/**
 * Logged-in connections to the warm VMs of this host, made before any task has them: whose VM one becomes finds the
 * handshake done. They are a shortcut and nothing relies on them. A VM that has run a task is never among them, and none
 * is given back.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { GuestConnection } from '@vm-task/guest/connect';
import { prepareForJob } from '@vm-task/guest/run-job';
import { waitForSsh } from '@vm-task/guest/wait-for-ssh';
import type { Drivers } from '@vm-task/hypervisor/drivers/drivers';
import { readStates } from '@vm-task/hypervisor/ledger/ledger';
import type { VmState } from '@vm-task/hypervisor/ledger/vm-record';
import type { Logger } from '@vm-task/service/log';
import type { Home } from '@vm-task/shared/home';
import type { VmId } from '@vm-task/shared/ids';

/** A VM is warm for seconds at least, and a look at the ledger costs a few reads for each VM. */
const lookEveryMs = 1_000;
/** Its sshd listens a moment after it is ready. */
const loginMs = 30_000;
/** One that does not let us in is tried again after so long: its task would try, too. */
const retryMs = 30_000;

export interface WarmOptions {
  readonly home: Home;
  readonly drivers: Drivers;
  /** At most so many connections. */
  readonly limit: number;
  readonly log: Logger;
}

/** Whose VM it has become takes the connection within moments, where it is a task of this runner. */
const claimedMs = 10_000;

type Warm = VmState & { readonly phase: 'ready' };

interface Open {
  readonly connection: GuestConnection;
  /** Since when the VM is not warm any more; null while it is. */
  unusedSince: number | null;
}

export class WarmConnections implements AsyncDisposable {
  readonly #options: WarmOptions;
  readonly #open = new Map<VmId, Open>();
  readonly #connecting = new Map<VmId, Promise<void>>();
  readonly #notBefore = new Map<VmId, number>();
  readonly #ended = new AbortController();

  constructor(options: WarmOptions) {
    this.#options = options;
  }

  /** The connection to the VM, from now on the caller's; or null. */
  take(vm: VmId): GuestConnection | null {
    const open = this.#open.get(vm);
    this.#open.delete(vm);
    return open === undefined || open.connection.closed ? null : open.connection;
  }

  /** Looks again and again, until `stop`. */
  async keep(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.look().catch((error) => this.#options.log.debug({ err: error }, 'the ledger could not be looked at'));
      await delay(lookEveryMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  /** Begins connections to VMs that are warm now, and closes those to VMs that somebody else has or that are gone. */
  async look(): Promise<void> {
    const states = await readStates(this.#options.home);
    const warm = states.filter((state): state is Warm => state.phase === 'ready' && this.#isCloned(state));
    await this.#closeOthers(states, new Set(warm.map(({ record }) => record.vm)));
    for (const state of warm) this.#begin(state);
  }

  async #closeOthers(states: readonly VmState[], warm: ReadonlySet<VmId>): Promise<void> {
    const there = new Set(states.filter(({ phase }) => phase !== 'ending').map(({ record }) => record.vm));
    for (const vm of this.#notBefore.keys()) if (!warm.has(vm)) this.#notBefore.delete(vm);
    for (const [vm, open] of this.#open) {
      if (warm.has(vm) && !open.connection.closed) continue;
      open.unusedSince ??= performance.now();
      const isNobodys = !there.has(vm) || performance.now() - open.unusedSince > claimedMs;
      if (isNobodys || open.connection.closed) await this.#close(vm);
    }
  }

  #begin(state: Warm): void {
    const { vm } = state.record;
    const isTaken = this.#open.has(vm) || this.#connecting.has(vm) || this.#isPausing(vm);
    if (isTaken || this.#open.size + this.#connecting.size >= this.#options.limit) return;
    const connecting = this.#connect(state).finally(() => this.#connecting.delete(vm));
    this.#connecting.set(vm, connecting);
  }

  async #connect({ record: { vm }, ready: { access } }: Warm): Promise<void> {
    const { home, log } = this.#options;
    try {
      const privateKey = await readFile(home.vm(vm).sshKey, 'utf8');
      const login = { privateKey, timeoutMs: loginMs, signal: this.#ended.signal, isClone: true };
      const connection = await waitForSsh(access, login);
      prepareForJob(connection);
      this.#open.set(vm, { connection, unusedSince: null });
    } catch (error) {
      this.#notBefore.set(vm, performance.now() + retryMs);
      log.debug({ err: error, vm }, 'no connection to a warm VM yet');
    }
  }

  #isCloned({ record }: VmState): boolean {
    return this.#options.drivers.capabilitiesOf(record.driver)?.clones === true;
  }

  #isPausing(vm: VmId): boolean {
    return performance.now() < (this.#notBefore.get(vm) ?? 0);
  }

  async #close(vm: VmId): Promise<void> {
    const open = this.#open.get(vm);
    this.#open.delete(vm);
    await open?.connection[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error('the runner ends'));
    await Promise.all(this.#connecting.values());
    await Promise.all([...this.#open.keys()].map((vm) => this.#close(vm)));
  }
}
