/** How often a task is answered: a program that asks in a loop has its share of the runner, and no more. */
import { VmTaskError } from '@vm-task/shared/errors';

const perSecond = 20;
/** At once, after a pause: what a script asks for in a row. */
const inRow = 40;
/** As long as eight connections wait their turn for; `vm-task` asks again when it is turned away. */
const waitingMax = 64;

export class Pace {
  /** When the next request would be answered if there had never been a pause. */
  #nextAt = 0;
  #waiting = 0;

  /** Returns when it is this one's turn. @throws `not-ready` when too many wait already. */
  async pass(): Promise<void> {
    const now = performance.now();
    if (this.#waiting >= waitingMax) throw tooMany();
    this.#nextAt = Math.max(this.#nextAt, now - (inRow * 1_000) / perSecond) + 1_000 / perSecond;
    const early = this.#nextAt - now;
    if (early <= 0) return;
    this.#waiting += 1;
    await new Promise((resolve) => setTimeout(resolve, early));
    this.#waiting -= 1;
  }
}

function tooMany(): VmTaskError {
  return new VmTaskError('not-ready', `the task asks more than ${perSecond} times a second; ask again later`);
}
