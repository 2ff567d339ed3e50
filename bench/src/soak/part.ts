/** What one part of the soak has shown. */
import type { Target } from '../report.ts';

export interface Part {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly targets: readonly Target[];
}

export interface Watch {
  /** One line of progress. */
  readonly tell: (line: string) => void;
  /** Aborted: everything is taken down, and the part throws. */
  readonly signal: AbortSignal;
}
