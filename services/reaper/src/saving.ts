/** At most so often: with ten thousand live tasks a checkpoint has some megabytes. What came since is read again. */
const pauseMs = 30_000;

/** Saves now and then while there is something new, and when asked to. */
export class Saving {
  readonly #save: () => void;
  #hasMoved = false;
  #notBefore = 0;

  constructor(save: () => void) {
    this.#save = save;
  }

  /** The log has been read on. */
  moved(): void {
    this.#hasMoved = true;
    if (performance.now() >= this.#notBefore) this.now();
  }

  /** Saves, if anything was read since. */
  now(): void {
    if (!this.#hasMoved) return;
    this.#save();
    this.#hasMoved = false;
    this.#notBefore = performance.now() + pauseMs;
  }
}
