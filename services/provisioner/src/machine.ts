/** Named VMs, as far as tasks go: none is taken while its machine is away, and people are told why they wait. */
import { once } from 'node:events';
import type { Bus } from '@vm-task/bus/bus';
import type { Hypervisor, MachineState } from '@vm-task/hypervisor/hypervisor';
import type { Logger } from '@vm-task/service/log';
import type { TellProgress } from './preparations.ts';

export interface MachineWatching {
  readonly pool: string;
  readonly host: string;
  readonly bus: Pick<Bus, 'announce'>;
  readonly hypervisor: Pick<Hypervisor, 'watch'>;
  readonly tellProgress: TellProgress;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

export class Machine {
  readonly #watching: MachineWatching;
  readonly #changes = new EventTarget();
  #state: MachineState | null = null;

  constructor(watching: MachineWatching) {
    this.#watching = watching;
  }

  /** Resolves when the machine is there. @throws the signal's reason. */
  async there(signal: AbortSignal): Promise<void> {
    while (this.#state?.kind !== 'there') await once(this.#changes, 'change', { signal });
  }

  /** Until `stop`. */
  async watch(): Promise<void> {
    const { pool, hypervisor, stop } = this.#watching;
    for await (const state of hypervisor.watch(pool, stop)) {
      const before = this.#state;
      this.#state = state;
      this.#changes.dispatchEvent(new Event('change'));
      await this.#tell(state, before);
    }
  }

  async #tell(state: MachineState, before: MachineState | null): Promise<void> {
    const { pool, tellProgress, log } = this.#watching;
    if (state.kind === 'away') {
      tellProgress(pool, { note: `away: ${state.reason}` });
      if (before?.kind !== 'away') await this.#alert(state.reason);
      return;
    }
    if (before?.kind === 'away') log.info({ pool }, 'the named VM is back');
    if (before === null && state.weaker !== null) log.warn({ pool }, state.weaker);
    tellProgress(pool, null);
  }

  async #alert(reason: string): Promise<void> {
    const { pool, host, bus, log, stop } = this.#watching;
    log.warn({ pool, reason }, 'the named VM is away: its tasks wait');
    const text = `the named VM "${pool}" is away, and its tasks wait: ${reason}`;
    const data = { v: 1 as const, severity: 'warning' as const, kind: 'named-vm-away', id: pool, text };
    await bus
      .announce({ type: 'alert.raised', data, host }, stop)
      .catch((error) => log.warn({ err: error }, 'no alert'));
  }
}
