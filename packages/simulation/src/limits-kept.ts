/** I7, the other way round: no task has timed out before its time, whoever stopped it. */
import type { Stored } from '@vm-task/shared/events';
import type { Observations } from './observations.ts';

/** By how much a slow answer may have set the broker's clock wrong for whoever ends a task. */
const clockErrorMs = 3_000;

/** Since when its attempt is in what it is in. */
interface Phases {
  readonly created: Stored<'task.created'>;
  readonly ready: Stored<'vm.ready'> | null;
  readonly setUp: Stored<'task.setup.done'> | null;
}

export class LimitsKept {
  readonly #observations: Observations;

  constructor(observations: Observations) {
    this.#observations = observations;
  }

  onCompleted({ data, time }: Stored<'task.completed'>, { created, ready, setUp }: Phases): void {
    const { task, outcome, error, signal } = data;
    if (outcome !== 'timed_out') return;
    if (signal !== null) this.#observations.sometimes('a task was stopped at its limit');
    const { setupMs, runMs, totalMs } = created.data.spec.timeouts;
    const limits: Readonly<Record<string, readonly [Stored | null, number]>> = {
      'timed-out-setup': [ready, setupMs],
      'timed-out-run': [setUp, runMs],
      'timed-out-total': [created, totalMs],
    };
    const [since, ms] = limits[error?.code ?? ''] ?? [null, 0];
    if (since === null) return;
    const leftMs = since.time.getTime() + ms - time.getTime();
    if (leftMs > clockErrorMs)
      this.#observations.broken('I7', `${task} ended with ${error?.code}, and had ${leftMs} ms left`);
  }
}
