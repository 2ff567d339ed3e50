/** Messages on their way from the network to whoever iterates over them, as the client's iterators are. */
export class Incoming<T> implements AsyncIterable<T> {
  readonly #messages: T[] = [];
  readonly #atEnd: (() => void)[] = [];
  #end: { readonly error: Error | null } | null = null;
  #wake = () => {};

  push(message: T): void {
    if (this.#end !== null) return;
    this.#messages.push(message);
    this.#wake();
  }

  /** What came before is still handed out. */
  end(error: Error | null = null): void {
    if (this.#end !== null) return;
    this.#end = { error };
    for (const action of this.#atEnd) action();
    this.#wake();
  }

  onEnd(action: () => void): void {
    this.#atEnd.push(action);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (;;) {
        const message = this.#messages.shift();
        if (message !== undefined) yield message;
        else if (this.#end === null) await new Promise<void>((resolve) => (this.#wake = resolve));
        else if (this.#end.error === null) return;
        else throw this.#end.error;
      }
    } finally {
      this.end();
    }
  }
}
