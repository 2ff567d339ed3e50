/** How long to wait before the next try: twice as long after each failure, up to a limit. */

export interface BackOff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Milliseconds after so many failures in a row: `firstMs` after the first one. */
export function backOffMs({ firstMs, longestMs }: BackOff, failures: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.max(0, failures - 1));
}
