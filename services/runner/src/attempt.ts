/** One attempt in flight: the sequence that its writes expect, and what can end the work on it from outside. */
import type { Capabilities } from '@vm-task/hypervisor/drivers/driver';
import { cancellingOf } from '@vm-task/shared/attempt-at';
import type { EventData, Head } from '@vm-task/shared/events';
import type { RetryPhase } from '@vm-task/shared/retry-policy';

/** Where an attempt works. */
export interface InVm {
  readonly ready: EventData<'vm.ready'>;
  /** Of the VM's driver. */
  readonly capabilities: Capabilities;
}

/** How an attempt begins under this runner. */
export interface Begun {
  readonly expectedSeq: number;
  readonly resumed: boolean;
  /** The time of its `vm.ready`. */
  readonly readyAt: Date;
}

export class Attempt implements InVm {
  readonly ready: EventData<'vm.ready'>;
  readonly readyAt: Date;
  readonly capabilities: Capabilities;
  /** Aborted when the work must stop now: the service has ended its drain. */
  readonly signal: AbortSignal;
  readonly #cancelling = new AbortController();
  #expectedSeq: number;
  #phase: RetryPhase = 'vm';
  #resumed: boolean;

  constructor({ ready, capabilities }: InVm, { expectedSeq, resumed, readyAt }: Begun, drained: AbortSignal) {
    this.ready = ready;
    this.readyAt = readyAt;
    this.capabilities = capabilities;
    this.#resumed = resumed;
    this.#expectedSeq = expectedSeq;
    this.signal = drained;
  }

  /** True when another delivery may have left jobs in the guest, output and events. */
  get resumed(): boolean {
    return this.#resumed;
  }

  /** Something that another delivery left was met: from now on it is looked for. */
  resume(): void {
    this.#resumed = true;
  }

  /** How far the attempt has come, by what may have been started: nobody knows whether a request arrived. */
  get phase(): RetryPhase {
    return this.#phase;
  }

  enter(phase: RetryPhase): void {
    this.#phase = phase;
  }

  /** What the last sequence of the event stream must still be when something of this attempt is appended (I10). */
  get expectedSeq(): number {
    return this.#expectedSeq;
  }

  /** Aborted when the task is being cancelled; its work goes on until the process has ended. */
  get cancelling(): AbortSignal {
    return this.#cancelling.signal;
  }

  /**
   * When `head` is the cancelling of this attempt: from now on its sequence is the expected one, because only the runner may
   * follow it within the grace. Any other head changes nothing.
   */
  cancel(head: Head | null): void {
    const cancelling = cancellingOf(this.ready.attempt, head);
    if (cancelling === null || cancelling.seq <= this.#expectedSeq) return;
    this.#expectedSeq = cancelling.seq;
    this.#cancelling.abort(new Error('the task is being cancelled'));
  }
}
