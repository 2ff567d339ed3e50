/** How a service is started, whatever its program: with a heap that has a limit (I13). */
import type { Home } from '@vm-task/shared/home';

/**
 * Several times what lives in the heap of a service that has 10,000 tasks before it (40 MiB). Without it Node takes a
 * share of the host's memory for its limit, and lets a heap that works hard grow to twice its size before it collects.
 */
const heapMaxMiB = 192;
/** The half of what Node takes by itself: where new objects are made; three of them are kept. */
const semiSpaceMaxMiB = 16;
/** By so much the old objects may grow until they are collected: with the little that V8 takes for so small a heap, a tenth of the processor's time goes there. */
const growingPercent = 100;

/** Arguments for Node. */
export function serviceArguments(program: string, home: Home): string[] {
  return [
    '--disable-warning=ExperimentalWarning',
    `--max-old-space-size=${heapMaxMiB}`,
    `--max-semi-space-size=${semiSpaceMaxMiB}`,
    `--heap-growing-percent=${growingPercent}`,
    program,
    '--home',
    home.root,
  ];
}
