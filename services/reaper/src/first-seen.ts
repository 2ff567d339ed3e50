/** Since when something has been so, without a break: what one look shows may be gone at the next. */
export class FirstSeen {
  readonly #since = new Map<string, number>();
  #seenNow = new Set<string>();

  /** True when this has been so for at least `forMs`; the first call is its beginning. Times are monotonic. */
  hasLasted(what: string, forMs: number, nowMs: number): boolean {
    this.#seenNow.add(what);
    const since = this.#since.get(what) ?? nowMs;
    this.#since.set(what, since);
    return nowMs - since >= forMs;
  }

  /** Forgets what was not seen since the last call. */
  endLook(): void {
    for (const what of this.#since.keys()) if (!this.#seenNow.has(what)) this.#since.delete(what);
    this.#seenNow = new Set();
  }
}
