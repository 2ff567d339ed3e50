/** What one part of the soak has shown. */
import type { Target } from '../report.ts';

export interface Part {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly targets: readonly Target[];
}

/** One line of progress. */
export type Tell = (line: string) => void;
